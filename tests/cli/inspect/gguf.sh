cd "$FIXTURES/models" && frugal inspect random.gguf --tensors
