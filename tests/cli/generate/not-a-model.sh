echo "this is text" > model.gguf; frugal generate -m model.gguf -p hello
