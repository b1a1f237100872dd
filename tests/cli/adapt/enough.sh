# The climb stops at the first rung that is enough, leaves it ready for use, and says how.
. "$TOP/tests/cli/adapt/make_task"
make_task t
frugal adapt t/task.yaml --out out --ledger l.db > told || exit $?
grep -q '^traditional is enough: ' told && grep -q 'frugal adapt --answer out' told || { cat told; exit 1; }
test -L out/chosen && test -s out/chosen/artifact.json && test -s out/verdict.json && test -s out/report.html || exit 1
echo 'crate 7 holds a cherry' | frugal adapt --answer out
