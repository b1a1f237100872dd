# The embedded model as a file: exact bytes of its tensors, keys and values by the formula 2 x layers x width x 2 bytes.
cp "$TOP/models/frugal-tiny.gguf" "$TOP/models/CARD.md" .
echo nothing > broken.gguf
frugal inspect frugal-tiny.gguf --json > shape.json
frugal models list --local --dir . --json | python3 -c '
import json, sys
m, = json.load(sys.stdin)["models"]
keys = json.load(open("shape.json"))["metadata"]
memory = m["memory"]
assert memory["kv_bytes"] == 2 * int(keys["llama.block_count"]["value"]) * int(keys["llama.embedding_length"]["value"]) * 2 * 1024, memory
assert 3e6 < m["params"] < 6e6 and m["license"] == "apache-2.0" and m["languages"] == ["en"], m
print(memory["type"], memory["context_tokens"], 2 * m["params"] - 1e4 < memory["weight_bytes"] < 2.1 * m["params"])'
frugal models show frugal-tiny.gguf | head -8
