frugal --version
