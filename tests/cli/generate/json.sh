frugal generate -m "$FIXTURES/models/random.gguf" -p "the cat" -n 3 --temp 1 --seed 5 --json
