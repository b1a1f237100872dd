# A TERM sent to frugal reaches the program, which ends as it likes; the report is still written.
"$FRUGAL" meter --json --report used.json -- sh -c 'trap "echo told; exit 5" TERM; echo ready > ready; while :; do sleep 0.05; done' &
while [ ! -f ready ]; do sleep 0.05; done
kill -TERM $!
wait $!
status=$?
grep -q '"exit_code": 5' used.json || exit 90
exit $status
