frugal tune qlora -m model.gguf -d rows.jsonl -o adapter
