echo hello > t; frugal perplexity -m "$FIXTURES/models/random.gguf" -f t --window 65
