frugal generate -m "$FIXTURES/models/golden/bert.gguf" -p abc
