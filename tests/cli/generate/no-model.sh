frugal generate -p hello
