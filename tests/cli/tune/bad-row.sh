. "$TOP/tests/cli/train/make_rows"
make_rows 300
frugal train train.yaml --quiet > /dev/null 2>&1 || exit $?
printf '{"input": "a", "output": "b"}\n{"question": "a"}\n' > bad.jsonl
frugal tune lora -m model.gguf -d bad.jsonl -o adapter -t 1 --quiet
