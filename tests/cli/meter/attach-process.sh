# A process that runs already, with a child; it is metered to its end, and its status is not ours.
mkfifo go
sh -c 'read x < go; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; (while [ $i -lt 300000 ]; do i=$((i+1)); done); exit 7' &
job=$!
"$FRUGAL" meter --json --report used.json --pid "$job" --pid %1 2> said && exit 1 # not a number
(until "$FRUGAL" ledger list | grep -q running; do sleep 0.1; done; echo > go) &
"$FRUGAL" meter --json --report used.json --pid "$job" || exit 1
wait "$job"
[ $? = 7 ] || exit 1
grep -q '"exit_code": null' used.json && grep -q '"kind": "pid"' used.json || exit 1
grep -q '"cpu_s": 0.0*,' used.json && exit 1
"$FRUGAL" ledger list | grep -q 'process' || exit 1
sleep 30 &
"$FRUGAL" meter --pid $! --for 0.2s 2> said || exit 1
kill $!
grep -q "^frugal: [a-z]* (process $!)" said
sleep 30 & # nothing of ours was started, so JSON has stdout to itself
"$FRUGAL" meter --json --pid $! --for 0.2s > out.json || exit 1
kill $!
grep -q '"kind": "pid"' out.json || exit 1
