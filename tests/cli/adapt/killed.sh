# Killed in the middle of a climb: the command that ran is not left to work for nobody, finished rungs are kept, and the next run goes on behind them.
. "$TOP/tests/cli/adapt/make_task"
make_task t 'stop: never
strategies: [traditional, {name: slow, build: "echo $$ > $FRUGAL_TASK_DIR/pid; echo x >> $FRUGAL_TASK_DIR/builds; test -e $FRUGAL_TASK_DIR/go || sleep 60", answer: "sed s/.*/\\\"red\\\"/"}]'
frugal adapt t/task.yaml --out out --ledger l.db > /dev/null 2>&1 &
pid=$!
for _ in $(seq 600); do test -s t/builds && break; sleep 0.1; done
kill -9 $pid; wait $pid 2> /dev/null
for _ in $(seq 50); do grep -qs ') [RSD] ' "/proc/$(cat t/pid)/stat" || break; sleep 0.1; done
grep -qs ') [RSD] ' "/proc/$(cat t/pid)/stat" && echo "the command still runs"
test -e out/verdict.json && echo "a verdict of half a climb"
touch t/go
frugal adapt t/task.yaml --out out --ledger l.db 2>&1 > /dev/null | grep -c 'traditional *kept from an earlier climb (done)'
wc -l < t/builds
frugal ledger list --ledger l.db | grep -c interrupted
