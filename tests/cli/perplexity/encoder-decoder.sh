frugal perplexity -m "$FIXTURES/models/golden/t5.gguf" -f "$TOP/README.md"
