# An adapter is a PEFT folder; a full fine-tuning is a model file; the base stays as it is.
. "$TOP/tests/cli/train/make_rows"
make_rows
frugal train train.yaml --quiet > /dev/null 2>&1 || exit $?
sum=$(cksum < model.gguf)
frugal tune lora -m model.gguf -d rows.jsonl -o adapter -e 1 -t 1 --quiet > /dev/null || exit $?
ls adapter
frugal tune full -m model.gguf -d rows.jsonl -o tuned.gguf -e 1 -t 1 --json --quiet | grep -q trainable_params || exit $?
test -s tuned.gguf && [ "$sum" = "$(cksum < model.gguf)" ] && echo ok
