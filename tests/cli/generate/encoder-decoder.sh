frugal generate -m "$FIXTURES/models/golden/t5-gated.gguf" -p "HELLO WORLD" -n 12 --quiet
