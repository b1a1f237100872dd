"$FRUGAL" meter -q -- sh -c 'kill -9 $$'
