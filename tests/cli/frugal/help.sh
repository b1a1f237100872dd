frugal --help
