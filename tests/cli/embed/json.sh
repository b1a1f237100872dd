printf "hello, you.\nabc def\n\nlast" | frugal embed -m "$FIXTURES/models/golden/bert.gguf" --json 2>/dev/null
