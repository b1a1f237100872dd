# A meter inside a meter knows its parent.
"$FRUGAL" meter --json --report outer.json -- "$FRUGAL" meter --json --report inner.json -- true || exit 1
outer=$(grep '"run":' outer.json | cut -d'"' -f4)
parent=$(grep '"parent"' inner.json | cut -d'"' -f4)
[ -n "$outer" ] && [ "$outer" = "$parent" ]
