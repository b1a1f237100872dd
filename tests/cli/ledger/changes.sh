frugal ledger change
frugal ledger change "batch of 8" --at 2026-11-01T12:00:00Z
frugal ledger change "smaller model" --at 2026-10-01
frugal ledger change
frugal ledger change two words; echo $?
