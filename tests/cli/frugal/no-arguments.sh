frugal
