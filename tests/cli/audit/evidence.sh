# Evidence turns a practice from open to done; the score can gate.
frugal audit | head -n 2
frugal meter -q --region aws:eu-north-1 -- true
frugal ledger change "moved to Sweden" > /dev/null
frugal audit --stage monitoring | sed -n '/ 104 /,/dated/p'
frugal audit --json | python3 -c '
import json, sys
a = json.load(sys.stdin)
assert len(a["practices"]) == 114 == a["done"] + a["open"] + a["not_applicable"], a
p = {x["id"]: x for x in a["practices"]}
assert p[104]["status"] == "done" and p[107]["status"] == "open" and p[107]["command"].startswith("frugal ledger unit")
assert p[70]["status"] == "not applicable" and "no run" in p[70]["evidence"]'
frugal audit --least 99 > /dev/null; echo $?
frugal audit no-such-folder; echo $?
