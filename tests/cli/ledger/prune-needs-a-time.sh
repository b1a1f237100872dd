frugal ledger prune
