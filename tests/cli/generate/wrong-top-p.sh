frugal generate -m "$FIXTURES/models/random.gguf" -p a --top-p 2
