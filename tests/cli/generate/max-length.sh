# --max-length counts prompt and answer, -n the answer alone; the sooner ends, as "length"
m="$TOP/models/frugal-tiny.gguf"
say() { frugal generate -m "$m" -p "Once upon a time there was" --json --quiet --ledger l.db --logit-bias 0=-inf "$@" |
    grep -oE '"(prompt_tokens|completion_tokens|finish_reason)": [^,]*' | tr '\n' ' '; echo; }
p=$(say -n 1 | grep -oE 'prompt_tokens": [0-9]+' | grep -oE '[0-9]+$')
say --max-length 12 | sed "s/\"prompt_tokens\": $p //; s/\"completion_tokens\": $((12 - p)) /the rest /"
say --max-length 12 -n 1 | sed "s/\"prompt_tokens\": $p //"
frugal generate -m "$m" -p "Once upon a time there was" --max-length 3 --ledger l.db
