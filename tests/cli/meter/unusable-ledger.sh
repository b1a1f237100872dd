# A ledger that cannot be had is said before the program starts, and nobody waits for anybody.
timeout 20 "$FRUGAL" meter --ledger /proc/no/such/ledger.db -- touch ran
status=$?
test ! -e ran || echo "it ran"
exit $status
