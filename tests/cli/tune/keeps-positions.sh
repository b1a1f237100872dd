# Llama 3's factors of rotary positions are used in training and stay in the file.
printf '{"prompt":"abc","completion":" def"}\n{"prompt":"xyz","completion":" uvw"}\n' > rows.jsonl
model=$FIXTURES/models/golden/llama3.gguf
frugal tune full -m "$model" -d rows.jsonl -o tuned.gguf -e 1 -t 1 --format f32 --quiet > /dev/null 2>&1 || exit $?
for f in "$model" tuned.gguf; do
    frugal inspect "$f" --tensors | awk '/rope_freqs/ { print $1 }'
done
