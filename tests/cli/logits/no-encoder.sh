frugal logits -m "$FIXTURES/models/random.gguf" -p "HELLO" --answer AB
