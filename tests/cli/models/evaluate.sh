# Smallest first: the 4-bit file is asked first, and where it is enough the larger one is not asked at all.
. "$TOP/tests/cli/adapt/make_task"
make_task t
sed -i 's/^target: .*/target: 0.05/' t/task.yaml
frugal quantize "$TOP/models/frugal-tiny.gguf" q4.gguf Q4_0 > /dev/null 2>&1
cp "$TOP/models/frugal-tiny.gguf" f16.gguf
frugal models evaluate f16.gguf q4.gguf t/task.yaml --measure 0.05 --robust-rows 30 --threads 1 --json > first.json
python3 - <<'X'
import json
r = json.load(open("first.json"))
small, large = r["candidates"]
assert (small["model"], small["status"], small["met"]) == ("q4", "done", True), small
assert (large["model"], large["status"]) == ("f16", "skipped"), large
assert r["chosen"] == "q4" and r["met"]
assert r == json.load(open("evaluated/fruit/evaluation.json")) | {"schema": 1}
q, c, e = small["quality"], small["calibration"], small["efficiency"]
assert q["n"] == 40 and q["ci_low"] >= 0.05 and q["ci_low"] <= q["value"] <= q["ci_high"]
rows = [json.loads(line) for line in open("evaluated/fruit/rungs/zero-shot@q4/predictions.jsonl")]
assert abs(sum(row["score"] for row in rows) / 40 - q["value"]) < 1e-12
assert 0 <= c["ece"] <= 1 and 0 <= c["brier"] <= 1 and c["n"] == 40
assert abs(abs(c["mean_confidence"] - q["value"])) <= c["ece"] + 1e-9  # no bins can hide more
names = [p["name"] for p in small["robustness"]["perturbations"]]
assert names == ["upper-case", "lower-case", "typos", "spaces", "wording"], names
assert small["robustness"]["rows"] == 30
lower = small["robustness"]["perturbations"][1]
assert lower["drop"] == 0 and lower["tie"]  # the rows are in small letters already
assert e["cpu_s_per_request"] > 0 and e["tokens_per_request"] > 20 and e["peak_rss_bytes"] > 1e6
print("the smallest is enough")
X
frugal models evaluate f16.gguf q4.gguf t/task.yaml --all --measure 0.05 --robust-rows 0 --threads 1 --out again --json |
    python3 -c 'import json, sys; print([c["status"] for c in json.load(sys.stdin)["candidates"]])'
frugal ledger list | grep -c 'models'
