frugal ledger list --ledger
