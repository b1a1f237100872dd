frugal ledgr list
