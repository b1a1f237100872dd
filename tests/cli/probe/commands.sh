# One command does five times the work of the other: that is found, also without counters, and a command
# against itself is told from it. What is wrong is said before anything runs.
command -v python3 > /dev/null || { echo "no python3 to read the report"; exit 77; }
work='i=0; while [ $i -lt %s ]; do i=$((i+1)); done'
"$FRUGAL" probe --trials 5 --a "$(printf "$work" 250000)" --b "$(printf "$work" 50000)" --json > differ.json || exit 1
"$FRUGAL" probe --trials 3 --threads 1,1 -- true > same || exit 1
python3 - <<'EOF'
import json
r = json.load(open("differ.json"))
cpu = r["figures"]["cpu_s"]["change_ratio"]
assert -1 < cpu["low"] <= cpu["value"] <= cpu["high"] < 0, cpu
assert "less" in r["verdict"] and len(r["trials"]["a"]) == len(r["trials"]["b"]) == 5
assert r["grade"] == "B" and r["decided_by"] == "cpu_s" and "energy than" not in r["verdict"] or r["grade"] == "A"
EOF
"$FRUGAL" ledger list | grep -c "probe" | sed 's/^/runs /'
for wrong in "" "--a x" "--a x --b y --threads 1,2" "--threads 1,2" "--threads 1,two -- true" "--threads 0,1 -- true" \
    "--a x --b y -- z" "--trials 1 --a x --b y" "--pid 4194303 --a x --b y" "--a false --b true" "--window soon --a x --b y"; do
    # shellcheck disable=SC2086
    "$FRUGAL" probe --quiet $wrong 2> said > /dev/null
    echo "$? $(head -n 1 said | sed 's/from 1 to [0-9]* here/from 1 to N here/; s/: *$//')"
done
