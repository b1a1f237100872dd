frugal inspect
