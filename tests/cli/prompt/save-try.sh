# Tried once: what was found is kept. A second time, also by another who shares the store, no model is run.
m="$TOP/models/frugal-tiny.gguf"; rows="$FIXTURES/prompt/padded/rows.jsonl"
printf 'Passage: {passage}\nQuestion: {question}\nAnswer:' > ask.txt
try() { "$FRUGAL" prompt save ask.txt -m $m --data $rows --rows 30 --task qa --try -t 1 --ledger run.db "$@"; }
try --json > first.json
grep -o '"new": [a-z]*\|"known": [a-z]*' first.json; grep -c '"energy_j": [0-9]' first.json
awk '/"value"/ { if ($2 + 0 > 0.8) print "good" }' first.json
try --json --store mine --store .frugal/prompts | grep -o '"new": [a-z]*\|"known": [a-z]*'
"$FRUGAL" ledger list --ledger run.db --json | grep -c '"kind": "prompt"'
try --rows 29 --json | grep -o '"new": [a-z]*\|"known": [a-z]*'
try --temperature 0.5 --json | grep -o '"known": [a-z]*'
"$FRUGAL" ledger list --ledger run.db --json | grep -c '"kind": "prompt"'
"$FRUGAL" prompt best -m $m --task qa -q; echo
"$FRUGAL" prompt log ask | grep -c "for each right answer"
"$FRUGAL" prompt save ask.txt -m $m --try; echo $?
"$FRUGAL" prompt save ask.txt --data $rows --try; echo $?
"$FRUGAL" prompt save ask.txt -m $m --data $rows --try --value 1 --metric accuracy; echo $?
