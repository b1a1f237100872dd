# No rung meets the target: the verdict says so, and so does the exit status.
. "$TOP/tests/cli/adapt/make_task"
make_task t 'strategies: [{name: guess, answer: "sed s/.*/\\\"red\\\"/"}]'
frugal adapt t/task.yaml --out out --ledger l.db
status=$?
test -e out/chosen && echo "something was chosen"
frugal adapt --answer out < t/eval.jsonl 2>&1
echo '{"input": "a plum"}' | frugal adapt --answer out/rungs/guess
exit $status
