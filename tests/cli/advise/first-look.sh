# A new user: no ledger, then a run that nobody gave a place, then a typo.
frugal advise --no-live
frugal meter -q -- sleep 0.1
frugal advise --no-live | grep -c place-assumed
frugal advise --no-live --json | python3 -c '
import json, sys
f = json.load(sys.stdin)
assert f["schema"] == 1 and f["runs"] == 1, f
assert {x["id"] for x in f["findings"]} >= {"place-assumed"} and all(x["evidence"] and x["try"] for x in f["findings"]), f'
frugal advise --days 0; echo $?
frugal advise --rules | wc -l
