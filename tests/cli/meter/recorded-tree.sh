# A recorded machine whose counters a script moves: what was counted comes out to the microjoule,
# packages and memory added, core, psys and the mmio twins not.
command -v python3 > /dev/null || { echo "no python3 to read the report"; exit 77; }
cp -r "$FIXTURES/meter/two-sockets" machine
cap=machine/sys/class/powercap
cat > move <<'EOF'
for p in 0 1; do
    echo $((1000000 * (p + 1) + 5000001)) > CAP/intel-rapl:$p/energy_uj
    echo $((1000000 * (p + 1) + 5000001)) > CAP/intel-rapl-mmio:$p/energy_uj
    echo 4500000 > CAP/intel-rapl:$p:0/energy_uj
done
echo $((300000 + 700000)) > CAP/intel-rapl:0:1/energy_uj
echo 29000000 > CAP/intel-rapl:2/energy_uj
EOF
sed -i "s|CAP|$cap|" move
"$FRUGAL" meter --json --report used.json --sysfs machine/sys --procfs machine/proc -- sh move || exit 1
python3 - <<'EOF'
import json
r = json.load(open("used.json"))
d = {x["name"]: x for x in r["devices"]}
print(r["method"], sorted(d))
print(*("%.6f" % d[k]["energy_j"] for k in sorted(d)), "%.6f" % r["energy_j"]["total"])
e = r["energy_j"]
assert abs(e["cpu"] + e["dram"] + e["idle"] - e["total"]) < 1e-9
EOF
