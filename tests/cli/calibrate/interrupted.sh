# Ctrl-C in the middle of a step ends the work at once and writes nothing.
"$FRUGAL" calibrate --seconds 60 --out curve.csv 2> said &
sleep 1
kill -TERM $!
wait $!
status=$?
[ ! -e curve.csv ] || exit 90
grep -q 'nothing was written' said || { cat said; exit 91; }
exit $status
