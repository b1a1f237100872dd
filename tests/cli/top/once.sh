# Not a terminal: one look and done. The shares and the lines for idle, interrupts and unseen work
# add up to the machine, and a process that works is there.
command -v python3 > /dev/null || { echo "no python3 to read it"; exit 77; }
python3 -c 'import time; end = time.time() + 60
while time.time() < end: pass' & busy=$!
trap 'kill $busy' EXIT
"$FRUGAL" top --json --interval 1 --rows 0 --nvml none --intensity 100 > top.json || exit 1
"$FRUGAL" top --interval 0.2 --nvml none > plain
BUSY=$busy python3 - <<'EOF'
import json, os
r = json.load(open("top.json"))
assert r["schema"] == 1 and r["grid"]["intensity_g_per_kwh"] == 100
machine = r["machine"]["value_w"]
devices = sum(d["power_w"] for d in r["devices"])
assert abs(devices - machine) < 1e-6 * machine, (devices, machine)
parts = r["idle"]["value_w"] + r["interrupts"]["value_w"] + r["unseen"]["value_w"] + sum(p["power_w"] for p in r["processes"])
assert abs(parts - machine) < 1e-3 * machine, (parts, machine)
groups = sum(g["power_w"] for g in r["groups"])
assert abs(groups - sum(p["power_w"] for p in r["processes"])) < 1e-6 * machine
busy = next(p for p in r["processes"] if p["pid"] == int(os.environ["BUSY"]))
assert busy["cpu_ratio"] > 0 and busy["power_w"] > 0, busy
plain = open("plain").read()
assert plain.startswith("frugal top") and "\033" not in plain and "q quit" not in plain
assert len(plain.splitlines()) <= 3 + 1 + len(r["devices"]) + 2 + 10
print("ok")
EOF
[ ! -e "$HOME/.local/share/frugal/ledger.db" ] || echo "a look was recorded"
