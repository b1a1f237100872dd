# the keys that others rely on are there, each a number above zero; the round's times are listed; the run is recorded
m="$TOP/models/frugal-tiny.gguf"
frugal bench -m "$m" -p 16 -n 8 -r 2 -t 2 --kv q8_0 --json --quiet --ledger l.db > b.json
for key in prefill_tokens_per_s decode_tokens_per_s load_s rss_bytes energy_j_per_token limit_ratio decode_tokens_per_cpu_s; do
    grep -qE "\"$key\": [0-9.e-]*[1-9]" b.json && echo "$key"
done
grep -oE '"(schema|threads|prompt_tokens|generated_tokens)": [0-9]+' b.json
grep -cE '"decode_cpu_s"' b.json
frugal ledger list --ledger l.db --json | grep -cE '"kind": "bench"'
