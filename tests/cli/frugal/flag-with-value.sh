frugal ledger list --json=yes
