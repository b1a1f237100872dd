frugal models lits
