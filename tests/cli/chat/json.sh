# --json: nothing but the transcript; the second question finds the first one and its answer in the cache
m="$TOP/models/frugal-tiny.gguf"
printf 'What is the capital of Peru?\nand of Chile?\n' |
    frugal chat -m "$m" -n 12 --system "Answer." --json --quiet --ledger l.db > t.json
grep -cE '"(schema|run|energy_j|method|carbon_g|cpu_s)":' t.json
grep -oE '"role": "[a-z]+"' t.json | tr '\n' ' '; echo
n=($(grep -oE '"(prompt|cached|completion)_tokens": [0-9]+' t.json | grep -oE '[0-9]+'))
[ "${n[1]}" = 0 ] && [ $((n[4] + 1)) -ge $((n[0] + n[2])) ] && echo "all but the newest is cached"
