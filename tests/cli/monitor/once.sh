# One look, as JSON, recorded nowhere; of a recorded machine without touching this one's sensors.
"$FRUGAL" monitor --once --interval 0.2 --json --nvml none > one.json || exit 1
command -v python3 > /dev/null || { echo "no python3 to read it"; exit 77; }
python3 - <<'EOF'
import json
r = json.load(open("one.json"))
assert r["schema"] == 1 and r["interval_s"] > 0, r
names = {s["name"] for s in r["series"]}
assert {"CPUUtilization", "MemoryUtilization", "frugal_power_watts", "frugal_energy_joules_total"} <= names, names
power = sum(s["value"] for s in r["series"] if s["name"] == "frugal_power_watts")
energy = sum(s["value"] for s in r["series"] if s["name"] == "frugal_energy_joules_total")
assert abs(power * r["interval_s"] - energy) < 1e-6 * energy, (power, energy)
assert all(s["labels"].get("method") in ("measured", "modelled", "mixed") for s in r["series"] if "joules" in s["name"])
print("ok")
EOF
[ ! -e "$HOME/.local/share/frugal/ledger.db" ] || echo "a look was recorded"
