frugal embed -m "$FIXTURES/models/golden/bert.gguf" -p abc --classify
