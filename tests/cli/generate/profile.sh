# --profile: operations of our own engine with FLOPs, bytes and joules, and their sum is the steps' time.
command -v python3 > /dev/null || { echo "no python3 to read the trace"; exit 77; }
model=$TOP/models/frugal-tiny.gguf
"$FRUGAL" generate -m "$model" -p "the cat sat on" -n 60 -t 1 --json --profile trace.json > out.json || exit 1
"$FRUGAL" generate -m "$model" -p "the cat sat on" -n 60 -t 1 --json > plain.json || exit 1
"$FRUGAL" perplexity -m "$model" -f "$TOP/README.md" -t 2 --profile two.json > /dev/null || exit 1
python3 - <<'EOF'
import json
out, plain = json.load(open("out.json")), json.load(open("plain.json"))
assert out["ids"] == plain["ids"]
p = out["profile"]
assert 0.95 <= p["operations_s"] / p["steps_s"] <= 1.0, p
for name in "trace.json", "two.json":
    events = [e for e in json.load(open(name))["traceEvents"] if e["ph"] == "X"]
    names = {e["name"] for e in events}
    assert {"matmul attn_q", "attention", "logits output", "norm ffn_norm"} <= names, names
    assert all(e["dur"] >= 0 and e["ts"] >= 0 for e in events)
    assert all(e["args"]["flops"] > 0 and e["args"]["bytes"] > 0 for e in events if e["name"].startswith(("matmul", "attention")))
    assert {e["cat"] for e in events if e["name"] == "attention"} > {"layer 0", "layer 1"}
assert len({e["tid"] for e in events}) <= 2
EOF
"$FRUGAL" generate -m "$model" -p x --profile /nowhere/x.json 2> said
[ $? = 1 ] && grep -q "the profile cannot be written to '/nowhere/x.json'" said
