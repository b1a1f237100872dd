# a full context is said, with the way out; nothing is dropped in silence
m="$TOP/models/frugal-tiny.gguf"
for i in 1 2 3 4 5 6 7 8; do echo "Where is the capital of Peru, and who has been there before?"; done |
    frugal chat -m "$m" -n 12 --context 96 --quiet --ledger l.db > /dev/null
