# A recorded run by the grid of its hours, from a file; the yearly figure stays what it was, marginal
# figures are a line of their own, and verify makes both sums again.
frugal meter -q --intensity 100 -- true
echo "time,intensity_g_per_kwh" > average.csv; echo "time,intensity" > marginal.csv
for h in $(seq -w 0 23); do for d in "$(date -u +%F)" "$(date -u -d '1 minute ago' +%F)"; do
    echo "${d}T$h:00Z,40" >> average.csv; echo "${d}T$h:00Z,700" >> marginal.csv; done; done
before=$(frugal ledger show last --json | grep -m1 '"operational_g"')
frugal ledger signal last csv:average.csv | sed 's/ly .*gCO2e/ly X gCO2e/; s/al .*gCO2e/al X gCO2e/'
frugal ledger signal last csv-marginal:marginal.csv | sed 's/ly .*gCO2e/ly X gCO2e/; s/al .*gCO2e/al X gCO2e/'
frugal ledger signal last csv:average.csv > /dev/null
[ "$before" = "$(frugal ledger show last --json | grep -m1 '"operational_g"')" ] || echo "the yearly figure moved"
frugal ledger verify
frugal ledger show last --json | python3 -c '
import json, sys
r = json.load(sys.stdin)["run"]; a = r["account"]
near = lambda x, y: abs(x / y - 1) < 1e-4
assert near(a["hourly"]["operational_g"], 0.4 * r["operational_g"]) and near(a["marginal"]["operational_g"], 7 * r["operational_g"]), a
assert a["hourly"]["kind"] == "average" and a["marginal"]["kind"] == "marginal" and a["hourly"]["covered_ratio"] == 1'
frugal ledger signal last ukk; echo $?
