# Without network the yearly figure stands, labelled; a key that is missing is found before the start.
FRUGAL_OFFLINE=1 "$FRUGAL" meter --json --report a.json --signal uk -- true || exit 1
"$FRUGAL" meter --signal electricity-maps:FR -- touch started 2> why; echo $?
[ ! -e started ] || exit 90
head -n 1 why
python3 -c '
import json
h = json.load(open("a.json"))["account"]["hourly"]
assert h["operational_g"] is None and h["covered_ratio"] == 0 and "FRUGAL_OFFLINE" in h["note"], h'
