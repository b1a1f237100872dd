frugal adapt
