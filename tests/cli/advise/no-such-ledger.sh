frugal advise --ledger there-is-none.db
