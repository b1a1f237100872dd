#!/bin/sh
# What a token takes by size and length: four models of random weights, four lengths each.
#
#     sh bench/energy_curves.sh build/frugal OUT      OUT: a folder that is made; figures in OUT/curve.json, OUT/curve.svg
#
# Models are made by one step of `frugal train` from nothing (their text is noise, their arithmetic is not), in Q8_0.
# Prints the table, then whether each column rises with the size and each row with the length.
set -e
frugal=$(readlink -f "$1") out=$2
mkdir -p "$out"; cd "$out"
for i in $(seq 300); do echo "{\"text\": \"line $i of $(($i * $i)) letters, and then some more of them: $i $((i * 7)) $((i * 13))\"}"; done > rows.jsonl
make() { # name dim layers heads ffn
    cat > "$1.yaml" << X
model: {architecture: llama, vocab: 384, context: 4352, dim: $2, layers: $3, heads: $4, kv_heads: $4, ffn: $5, tied: true}
tokenizer: {train: bpe, size: 384, files: [rows.jsonl]}
seed: 1
optimizer: {lr: 0.0001}
stages:
  - {name: one, mix: {rows.jsonl: 1}, sequence: 32, batch_tokens: 64, tokens: 64}
out: $1.gguf
format: q8_0
X
    [ -f "$1.gguf" ] || "$frugal" train "$1.yaml" --quiet --threads 1 > /dev/null
}
make random-300k 64 4 2 192
make random-1m 128 4 2 384
make random-5m 256 6 4 768
make random-25m 512 8 8 1536
XDG_DATA_HOME=$PWD "$frugal" models curve random-300k.gguf random-1m.gguf random-5m.gguf random-25m.gguf \
    --threads 1 --lengths 64,256,1024,2048 --svg curve.svg --quiet
cp frugal/energy_curve.json curve.json
python3 - << 'X'
import json
points = json.load(open("curve.json"))["points"]
by_length, by_size = {}, {}
for p in points:
    by_length.setdefault(p["length_tokens"], []).append((p["params"], p["write_cpu_s"]))
    by_size.setdefault(p["params"], []).append((p["length_tokens"], p["write_cpu_s"]))
def rises(rows): return all(a[1] < b[1] for a, b in zip(sorted(rows), sorted(rows)[1:]))
print("rises with size at every length:", all(map(rises, by_length.values())))
print("rises with length at every size:", all(map(rises, by_size.values())))
X
