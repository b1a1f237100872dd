frugal --help > /dev/full
