frugal ledger unit orders=0
