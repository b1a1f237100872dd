frugal tokenize -m "$FIXTURES/models/random.gguf" -f nowhere.txt
