frugal embed -m "$FIXTURES/models/golden/bert.gguf" -p "$(printf "%0100d" 0 | tr 0 a)"
