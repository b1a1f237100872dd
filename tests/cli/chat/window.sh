# --window: the oldest turns go, which is said; the system text stays
m="$TOP/models/frugal-tiny.gguf"
for i in 1 2 3 4 5 6 7 8; do echo "Where is the capital of Peru, and who has been there before?"; done |
    frugal chat -m "$m" -n 12 --context 96 --window --system "Say where." --ledger l.db 2> log > out
grep -cE '^\[[0-9]+ tokens' log
[ "$(grep -c 'the context was full: the oldest' log)" -ge 2 ] && echo "turns were dropped"
