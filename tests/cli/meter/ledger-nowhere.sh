# A ledger that was named must work: the program is not started, and frugal comes back.
timeout 20 "$FRUGAL" meter --quiet --ledger nowhere/there/ledger.db -- touch started
status=$?
[ ! -e started ] || exit 90
exit $status
