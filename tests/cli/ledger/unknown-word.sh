frugal ledger shwo last
