# The curve of a machine: measured, kept, and what the list predicts by it rises with the size.
frugal models curve && echo 'a curve from nowhere'
cp "$FIXTURES"/models/pair/*.gguf .
frugal models curve small.gguf large.gguf --lengths 8,32,64,5000 --measure 0.05 --threads 1 --svg curve.svg --json > curve.json || exit
python3 - <<'X'
import json, os
c = json.load(open("curve.json"))
points = c["points"]
assert [p["length_tokens"] for p in points] == [8, 32, 64] * 2, points  # 5,000 is beyond their context
assert all(p["kv_bytes"] == p["length_tokens"] * (128 if p["model"] == "small" else 3 * 2 * 64 * 2) for p in points), points
assert json.load(open(c["file"]))["points"] == points
assert os.path.getsize("curve.svg") > 1000
print("6 points")
X
# figures of a quiet machine instead, so that the prediction can be checked by hand: 1 ms + 1 s a GB of weights, 5 J a CPU-second
python3 - <<'X'
import json, os
path = os.path.expanduser("~/.local/share/frugal/energy_curve.json")
points = [{"model": f"m{w}", "params": w, "weight_bytes": w, "length_tokens": n, "kv_bytes": n * k, "read_cpu_s": 1, "write_cpu_s": 1e-3 + 1e-9 * w, "read_j": 1,
           "write_j": 5 * (1e-3 + 1e-9 * w), "measured": False} for w, k in ((1e6, 1e3), (1e8, 3e3), (1e9, 7e3)) for n in (64, 1024)]
json.dump({"schema": 1, "points": points}, open(path, "w"))
X
frugal models list --name Llama-3 --type Q8_0 --json | python3 -c '
import json, sys
models = json.load(sys.stdin)["models"]
for m in models:
    p = m["predicted"]
    assert abs(p["cpu_s_per_token"] / (1e-3 + 1e-9 * m["memory"]["weight_bytes"]) - 1) < 1e-3, (m["name"], p)
    assert abs(p["energy_j_per_token"] / p["cpu_s_per_token"] - 5) < 1e-6 and p["method"] == "modelled"
cpu = [m["predicted"]["cpu_s_per_token"] for m in models]
print(len(cpu) > 5 and cpu == sorted(cpu))'
frugal models list --name Llama-3.2-1B --type Q8_0
