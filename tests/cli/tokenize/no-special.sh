frugal tokenize -q --no-special -m "$FIXTURES/models/random.gguf" -p "<|end|>"
