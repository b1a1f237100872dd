# Found before the program starts.
"$FRUGAL" meter --report nowhere/used.json -- touch started
status=$?
[ ! -e started ] || exit 90
exit $status
