cd "$FIXTURES/llama-golden/adapter" && frugal inspect adapter_model.safetensors
