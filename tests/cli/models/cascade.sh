# A pair that was made for it (fixtures/models/pair): the small model knows boxes of one fruit and is not sure of those of two.
# The cascade scores as the large model alone, asks it for less than half of the rows, and is used like what a climb leaves.
cp "$FIXTURES"/models/pair/* .
frugal models cascade small.gguf large.gguf task.yaml --threads 1 --measure 0.1 --out out --json > cascade.json || exit
python3 - <<'X'
import json
r = json.load(open("cascade.json"))
small, large, both = r["small"], r["large"], r["cascade"]
assert small["quality"]["value"] < 0.85 < large["quality"]["ci_low"], (small, large)
assert both["quality"]["value"] == large["quality"]["value"] and r["difference"]["tie"]
assert both["calls"]["small"] == 300 and 0 < both["calls"]["large"] < 150, both
assert 0.5 < r["threshold"] < 1 and r["chosen_on"]["rows"] >= 250
assert both["cpu_s_per_request"] > small["cpu_s_per_request"]
assert r["saving"]["grade"] in "AB" and r["difference"]["low"] == 0
print("as good, with less than half of the calls to the large one")
X
python3 -c '
import json
for line in open("eval.jsonl"): print(json.loads(line)["input"])' > questions
frugal adapt --answer out --threads 1 < questions > answers
python3 -c '
import json
right = [json.loads(line)["output"] == answer.strip() for line, answer in zip(open("eval.jsonl"), open("answers"))]
print(sum(right) == len(right) * json.load(open("cascade.json"))["cascade"]["quality"]["value"])'
# one question that the small one is sure of: the large one is not even loaded
mv large.gguf gone.gguf
echo 'shelf 7, box 3 holds a cress' | frugal adapt --answer out --threads 1
echo 'shelf 7, box 3 holds a cress and a lemon' | frugal adapt --answer out --threads 1
