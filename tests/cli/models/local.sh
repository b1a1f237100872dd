# The embedded model as a file: exact bytes of its tensors, keys and values by the formula 2 x 5 layers x 192 x 2 bytes.
cp "$TOP/models/frugal-tiny.gguf" "$TOP/models/CARD.md" .
echo nothing > broken.gguf
frugal models list --local --dir . --json | python3 -c '
import json, sys
m, = json.load(sys.stdin)["models"]
memory = m["memory"]
assert memory["kv_bytes"] == 2 * 5 * 192 * 2 * 1024, memory
assert m["params"] == 3000384 and m["license"] == "apache-2.0" and m["languages"] == ["en"], m
print(memory["type"], memory["context_tokens"], memory["weight_bytes"] > 5.9e6)'
frugal models show frugal-tiny.gguf | head -8
