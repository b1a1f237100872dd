# The program's streams and exit status are its own; the report goes to a file.
echo asked | "$FRUGAL" meter --json --report used.json -- sh -c 'read x; echo "got $x"; echo oops >&2; exit 7'
status=$?
python3 - <<'EOF' 2>/dev/null || grep -q '"exit_code": 7' used.json || exit 90
import json, math
r = json.load(open("used.json"))
e = r["energy_j"]
parts = [e[k] for k in ("cpu", "dram", "gpu", "accelerator", "storage", "network", "other", "idle") if e[k] is not None]
assert math.isclose(sum(parts), e["total"], rel_tol=1e-9), (parts, e)
assert math.isclose(sum(d["energy_j"] for d in r["devices"]), e["total"], rel_tol=1e-9)
assert r["exit_code"] == 7 and r["schema"] == 1
EOF
exit $status
