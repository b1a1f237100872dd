"$FRUGAL" meter --sci-ai provider --unit tokens=5 -- touch started
status=$?
[ ! -e started ] || exit 90
exit $status
