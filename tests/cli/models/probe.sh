# A model of random weights can do nothing; the embedded one answers from a passage, and little else.
frugal models probe "$FIXTURES/models/random.gguf" --threads 1 --items 12 --context 200 --json > random.json || exit
frugal models probe "$TOP/models/frugal-tiny.gguf" --threads 1 --items 24 --context 400 --only passage,arithmetic,json --json > tiny.json || exit
python3 - <<'X'
import json
random, tiny = (json.load(open(f)) for f in ("random.json", "tiny.json"))
kinds = {k["kind"]: k for k in random["kinds"]}
assert list(kinds) == ["passage", "languages", "json", "arithmetic", "refusal", "instruction", "context"], list(kinds)
for name, k in kinds.items():
    p = k["pass"]
    if p["n"] == 0:  # its context of 64 holds no text to look for a fact in
        assert name == "context"
        continue
    assert 0 <= p["ci_low"] <= p["value"] <= p["ci_high"] <= 1, (name, p)
    assert p["value"] <= 0.1, (name, p)
    assert k["cpu_s_per_item"] >= 0 and k["too_long"] <= p["n"], k
    assert sum(g["n"] for g in k["groups"]) == p["n"]
assert kinds["context"]["usable_context_tokens"] == 0
can = {k["kind"]: k["pass"]["value"] for k in tiny["kinds"]}
assert can["passage"] >= 0.5 and can["arithmetic"] <= 0.1, can
print("random: nothing; tiny: passages")
X
frugal models probe "$FIXTURES/models/random.gguf" --only fishing
