# Ctrl-C: an error that says what is kept; the user's own command is ended too.
. "$TOP/tests/cli/adapt/make_task"
make_task t 'stop: never
strategies: [traditional, {name: slow, build: "echo $$ > $FRUGAL_TASK_DIR/pid; sleep 60", answer: cat}]'
frugal adapt t/task.yaml --out out --ledger l.db &
pid=$!
for _ in $(seq 600); do test -s t/pid && break; sleep 0.1; done
kill -INT $pid
wait $pid
status=$?
kill -0 "$(cat t/pid)" 2> /dev/null && echo "the command still runs"
exit $status
