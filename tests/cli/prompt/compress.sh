# Padded prompts lose half their tokens, whole requests at least three in ten, and the embedded
# model answers as before.
for file in "$FIXTURES"/prompt/padded/*.txt; do
    "$FRUGAL" prompt compress "$file" -m "$TOP/models/frugal-tiny.gguf" --rate 0.5 --data "$FIXTURES/prompt/padded/rows.jsonl" -t 1 --json > out.json || cat out.json
    grep -o '"rate_met": [a-z]*\|"quality_kept": [a-z]*' out.json | tr '\n' ' '
    grep -c '{passage}.*{question}.*Answer:' out.json
    awk '/"prompt_tokens_before"/ { before = $2 + 0 } /"prompt_tokens_after"/ { if ($2 + 0 > 0.70 * before) print "too long: " $2 }' out.json
done
