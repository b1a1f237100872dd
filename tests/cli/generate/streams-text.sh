frugal generate -m "$FIXTURES/models/random.gguf" -p "the cat" -n 12
