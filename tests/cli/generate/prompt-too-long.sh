frugal generate -m "$FIXTURES/models/random.gguf" -p "$(printf "word %.0s" $(seq 40))"
