"$FRUGAL" meter --period 0 -- touch started
status=$?
[ ! -e started ] || exit 90
exit $status
