frugal logits -m "$FIXTURES/models/random.gguf" -p "$(printf "%0100d" 0)"
