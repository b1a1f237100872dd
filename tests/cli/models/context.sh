# Tokens of the prompts as the ladder builds them, the answers' budget, and 2 x 1 layer x 32 x 2 bytes of keys and values a token.
cp "$FIXTURES"/models/pair/* .
frugal models context small.gguf task.yaml
frugal models context small.gguf eval.jsonl --json
