printf 'the\n\nend the\n' | frugal tokenize -m "$FIXTURES/models/random.gguf" --lines text --no-special
printf '"the\\nend"\n"\\u00e9"' | frugal tokenize -m "$FIXTURES/text/hf/qwen2.json" --lines json
echo 'no quotes' | frugal tokenize -m "$FIXTURES/models/random.gguf" --lines json 2>&1
frugal tokenize -m "$FIXTURES/models/random.gguf" --lines csv 2>&1 < /dev/null; echo $?
