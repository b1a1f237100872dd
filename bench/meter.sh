#!/bin/sh
# What the meter itself takes: CPU share at 10 samples a second, memory, start-up, size.
# usage: bench/meter.sh [FRUGAL] [SECONDS]      needs GNU time and python3
frugal=${1:-build/frugal}; seconds=${2:-30}
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
export XDG_DATA_HOME="$tmp/data"
echo "load $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) processors, $(ls -d /proc/[0-9]* | wc -l) processes"
/usr/bin/time -f "%U %S %M" -o "$tmp/time" "$frugal" meter --json --report "$tmp/used.json" -- sleep "$seconds"
python3 - "$tmp" <<'EOF'
import json, sys
r = json.load(open(sys.argv[1] + "/used.json"))
user, system, kb = map(float, open(sys.argv[1] + "/time").read().split())
s = r["duration_s"]
print(f"{r['samples']} samples in {s:.1f} s: sampling {100 * r['meter_cpu_s'] / s:.4f}% of one core "
      f"({1e6 * r['meter_cpu_s'] / r['samples']:.0f} us each), {1000 * r['meter_overhead_j']:.0f} mJ by its own count")
print(f"whole program, ledger and start included: {100 * (user + system) / s:.3f}% of one core, {kb / 1024:.1f} MiB resident at most")
EOF
best=$(for i in $(seq 20); do
    from=$(date +%s%N); "$frugal" --version > /dev/null; to=$(date +%s%N); echo $(((to - from) / 1000))
done | sort -n | head -n 1)
echo "frugal --version: $best us at best of 20; the program has $(stat -c %s "$frugal") bytes"
