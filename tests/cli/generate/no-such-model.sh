frugal generate -m nowhere.gguf -p hello
