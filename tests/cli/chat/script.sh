# each line of a script is a message; answers go to stdout, what they took to stderr, and the run is in the ledger
m="$TOP/models/frugal-tiny.gguf"
printf 'What is the capital of Peru?\nand of Chile?\n' | frugal chat -m "$m" -n 12 --temp 0 --ledger l.db > out 2> log
[ "$(wc -l < out)" -ge 2 ] && echo both answered
grep -cE '^\[[0-9]+ tokens.*from the cache; .*CPU-s\).*; answers so far ' log
frugal ledger list --ledger l.db --json | grep -cE '"kind": "chat"'
