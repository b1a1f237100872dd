frugal ledger list --ledger there-is-none.db
