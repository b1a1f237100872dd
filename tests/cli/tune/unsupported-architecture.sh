printf '{"prompt":"abc","completion":" def"}\n{"prompt":"xyz","completion":" uvw"}\n' > rows.jsonl
frugal tune lora -m "$FIXTURES/models/golden/bert.gguf" -d rows.jsonl -o adapter -t 1 --quiet
