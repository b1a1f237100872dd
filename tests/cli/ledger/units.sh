# Orders of three days from a file; the series has totals beside the figure per order.
frugal meter -q --intensity 36 -- true 2> /dev/null
day=$(date -u +%F)
printf 'date,orders,answers\n%s,1200,50\n2020-01-01,7,\n' "$day" > m.csv
frugal ledger unit --csv m.csv
frugal ledger unit documents=5 --run last
frugal ledger unit | sed "s/$day */TODAY /; s/run 01[0-9A-Z]* */run ID /"
frugal ledger unit orders --json | python3 -c '
import json, sys
u = json.load(sys.stdin)["units"]
assert [x["unit"] for x in u] == ["orders", "orders"] and u[0]["runs"] == 0 and u[0]["carbon_g_per_unit"] is None, u
assert abs(u[1]["carbon_g_per_unit"] * 1200 / u[1]["carbon_g"] - 1) < 1e-4 and u[1]["runs"] == 1, u'
