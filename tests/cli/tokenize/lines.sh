frugal tokenize -q -m "$FIXTURES/models/random.gguf" -p "the 🦙
"
