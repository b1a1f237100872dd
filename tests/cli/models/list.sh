# German first, then small first; a licence and a largest size are conditions.
frugal models list --language de --license apache-2.0 --max-params 2B --task text-generation
frugal models list --language de --domain code --max-params 10B --json | python3 -c '
import json, sys
models = json.load(sys.stdin)["models"]
rank = ["stated", "maybe", "not stated"], ["stated", "general", "not stated"]
keys = [(rank[0].index(m["language_match"]), rank[1].index(m["domain_match"]), m["params"]) for m in models]
assert keys == sorted(keys) and models[0]["language_match"] == "stated"
print("in order:", len(models) > 10)'
