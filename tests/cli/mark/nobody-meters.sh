# Without a meter around, marks do nothing, also where the meter is gone.
"$FRUGAL" mark train || exit 1
FRUGAL_SOCKET=/nowhere/s "$FRUGAL" mark train --end --json
