# No rung meets the target: the verdict says so, and so does the exit status.
. "$TOP/tests/cli/adapt/make_task"
make_task t 'strategies: [{name: guess, answer: "sed s/.*/\\\"red\\\"/"}]'
frugal adapt t/task.yaml --out out --ledger l.db
status=$?
test -e out/chosen && echo "something was chosen"
exit $status
