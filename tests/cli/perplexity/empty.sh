: > t; frugal perplexity -m "$FIXTURES/models/random.gguf" -f t
