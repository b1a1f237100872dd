cd "$FIXTURES/llama-golden" && frugal inspect make.py
