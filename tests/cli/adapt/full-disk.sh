# No room for the results: a clear error, nothing half-written.
. "$TOP/tests/cli/adapt/make_task"
make_task t
ulimit -f 8 # KiB a file may have: the ledger and the classifier are larger
trap '' XFSZ
frugal adapt t/task.yaml --out out --ledger ''
status=$?
find out -name '*.part' -o -name verdict.json
exit $status
