# No room for the evidence: a clear error and no half file.
for n in 1 2 3 4 5 6 7 8 9; do frugal meter -q -- true; done
( ulimit -f 36; trap '' XFSZ; frugal ledger export --bundle evidence.tar )
status=$?
ls | grep -c evidence
exit $status
