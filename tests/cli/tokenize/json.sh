printf "the é" | frugal tokenize -m "$FIXTURES/models/random.gguf" --json
