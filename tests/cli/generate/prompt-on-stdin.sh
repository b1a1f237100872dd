printf "the cat" | frugal generate -q -m "$FIXTURES/models/random.gguf" -n 12
