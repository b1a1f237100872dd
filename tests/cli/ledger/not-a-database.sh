head -c 4096 /dev/zero | tr '\0' x > ledger.db
frugal ledger list --ledger ledger.db
