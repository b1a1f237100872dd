# too little memory is said before it is taken, with what would fit, and that fits indeed
m="$TOP/models/frugal-tiny.gguf"
frugal generate -m "$m" -p "The capital of Peru" -n 4 --context 1024 --memory 0.0125 --ledger l.db
fits=$(frugal generate -m "$m" -p x --context 1024 --memory 0.0125 --quiet --ledger l.db 2>&1 | grep -oE 'context of [0-9]+ tokens would' | grep -oE '[0-9]+')
frugal generate -m "$m" -p "The capital of Peru" -n 4 --context "$fits" --memory 0.0125 --quiet --ledger l.db | wc -l
frugal generate -m "$m" -p x --memory 0.001 --ledger l.db
