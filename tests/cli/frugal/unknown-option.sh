frugal ledger list --jsno
