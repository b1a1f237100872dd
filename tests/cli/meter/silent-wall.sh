# A meter at the wall that tells nothing is no zero, in the text neither; a board's controller in Redfish's words is read.
FRUGAL_WALL='cmd:no-such-plug' "$FRUGAL" meter -- sleep 0.2 2> said || exit 1
grep -q '^  apart  *-   wall: told nothing (wall cmd:no-such-plug)' said || { cat said; exit 1; }
cat > power.json <<'JSON'
{"PowerControl": [{"PowerConsumedWatts": null, "PowerCapacityWatts": 800},
                  {"PowerConsumedWatts": 344}]}
JSON
FRUGAL_BMC='file:power.json' "$FRUGAL" meter --json --report used.json -- sleep 0.2 || exit 1
tr -d ' \n' < used.json | grep -q '"name":"bmc","method":"measured","energy_j":[0-9]' || exit 1
