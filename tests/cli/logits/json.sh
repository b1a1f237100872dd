frugal logits -m "$FIXTURES/models/random.gguf" -p "the cat" --json
