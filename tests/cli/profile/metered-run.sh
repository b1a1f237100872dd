# A run of the meter, and a trace that says what it did when: joules of the run's own time.
cat > job.py <<'EOF'
import json, time
events = []
def op(name, seconds):
    began = time.time()
    while time.time() - began < seconds:
        pass
    events.append({"ph": "X", "name": name, "cat": "op", "pid": 1, "tid": 1, "ts": began * 1e6, "dur": (time.time() - began) * 1e6})
for i in range(3):
    op("big", 0.3)
    op("small", 0.1)
json.dump({"traceEvents": events}, open("trace.json", "w"))
EOF
command -v python3 > /dev/null || { echo "no python3"; exit 77; }
"$FRUGAL" meter --report used -- python3 job.py || exit 1
"$FRUGAL" profile import trace.json --samples last --with-idle --json > sums.json || exit 1
python3 - <<'EOF'
import json
s = json.load(open("sums.json"))
e = s["energy_j"]
assert abs(e["operations"] + e["gaps"] - e["total"]) < 1e-6 * e["total"] and e["total"] > 0
big, small = (next(o for o in s["operations"] if o["name"] == n) for n in ("big", "small"))
assert big["times"] == small["times"] == 3 and big["energy_j"] > small["energy_j"] > 0
EOF
