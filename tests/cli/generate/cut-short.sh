head -c 9000 "$FIXTURES/models/random.gguf" > model.gguf; frugal generate -m model.gguf -p hello
