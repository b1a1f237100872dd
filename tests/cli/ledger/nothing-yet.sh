# Looking makes nothing: no file, no folder.
frugal ledger list && frugal ledger list --json && frugal ledger verify
find "$HOME" -name '*.db*'
