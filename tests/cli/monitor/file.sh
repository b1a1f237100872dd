# Lines in a file, each whole; --for ends it; a recorded machine's counter is told to the joule.
command -v python3 > /dev/null || { echo "no python3 to read it"; exit 77; }
cp -r "$FIXTURES/meter/two-sockets" machine
cap=machine/sys/class/powercap
"$FRUGAL" monitor --file day.jsonl --for 1.5 --interval 0.25 --ledger l.db --sysfs machine/sys --procfs machine/proc 2> said &
pid=$!
sleep 0.6
for p in 0 1; do
    for zone in intel-rapl intel-rapl-mmio; do echo $((1000000 * (p + 1) + 5000000)) > $cap/$zone:$p/energy_uj; done
done
wait $pid || { cat said; exit 1; }
python3 - <<'EOF'
import json
lines = [json.loads(l) for l in open("day.jsonl")]
assert 4 <= len(lines) <= 7, len(lines)
last = {}
for s in lines[-1]["series"]:
    if s["name"] == "frugal_energy_joules_total":
        last[s["labels"]["device"]] = last.get(s["labels"]["device"], 0) + s["value"]
        assert s["labels"]["method"] in ("measured", "mixed"), s
print({k: round(v, 6) for k, v in sorted(last.items()) if k.startswith("package")})
EOF
grep -q 'batches sent, 0 dropped' said || cat said
