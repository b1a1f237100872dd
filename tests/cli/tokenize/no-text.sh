frugal tokenize -m "$FIXTURES/models/random.gguf" -p a -f b
