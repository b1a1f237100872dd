# A model is trained from scratch, its stable keys are there, and it can be looked into and run.
. "$TOP/tests/cli/train/make_rows"
make_rows
frugal train train.yaml --json --quiet > told.json || exit $?
for key in loss_first loss_last steps tokens trainable_params total_params tokens_per_s peak_rss_bytes energy_j; do
    grep -q "\"$key\": [0-9]" told.json || echo "no $key"
done
frugal inspect model.gguf | grep -q 'llama.block_count' || echo 'no llama.block_count'
frugal generate -m model.gguf -p 'The hat is red. Hat:' -n 4 --json --quiet | grep -q completion_tokens && echo ok
