# A grammar holds the text, hot or cold; what is no grammar is named with its place.
m="$TOP/models/frugal-tiny.gguf"
cat > kind.gbnf << 'END'
root ::= "{\"kind\": " ("\"red\"" | "\"blue\"") ", \"n\": " [0-9]{1,4} "}"
END
for seed in 1 2 3 4; do
    frugal generate -m "$m" -p "The hat:" --grammar kind.gbnf --temp 1.5 --seed $seed -n 80 --quiet --ledger l.db
done | grep -cE '^\{"kind": "(red|blue)", "n": [0-9]{1,4}\}$'
frugal generate -m "$m" -p "The hat:" --grammar kind.gbnf -n 80 --json --quiet --ledger l.db | grep -o '"finish_reason": "stop"'
echo 'root ::= root "a"' > loop.gbnf
frugal generate -m "$m" -p x --grammar loop.gbnf --ledger l.db
