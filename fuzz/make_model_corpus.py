#!/usr/bin/env python3
"""Writes the seeds of gguf_fuzz, imatrix_fuzz and safetensors_fuzz beside it, with the standard library only:

    python3 fuzz/make_model_corpus.py
"""
import json
import os
import struct

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
PACK = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "B", U64: "Q",
        I64: "q", F64: "d"}


def string(s):
    return struct.pack("<Q", len(s.encode())) + s.encode()


def value(kind, v):
    return string(v) if kind == STR else struct.pack("<" + PACK[kind], v)


def key(name, kind, v):
    return string(name) + struct.pack("<I", kind) + value(kind, v)


def array(name, kind, items):
    head = string(name) + struct.pack("<IIQ", ARR, kind, len(items))
    return head + b"".join(value(kind, v) for v in items)


def tensor(name, dims, number, offset):
    out = string(name) + struct.pack("<I", len(dims))
    return out + struct.pack(f"<{len(dims)}QIQ", *dims, number, offset)


def gguf(name, keys, tensors=(), data=b"", version=3, alignment=32, folder="gguf"):
    with open(os.path.join(here, folder, name), "wb") as f:
        f.write(gguf_bytes(keys, tensors, data, version, alignment))


def gguf_bytes(keys, tensors=(), data=b"", version=3, alignment=32):
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    head += b"".join(keys) + b"".join(tensors)
    head += bytes(-len(head) % alignment)
    return head + data


def safetensors(name, header, data):
    text = json.dumps(header).encode()
    with open(os.path.join(here, "safetensors", name), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


for folder in ("gguf", "imatrix", "safetensors"):
    os.makedirs(os.path.join(here, folder), exist_ok=True)
gguf("empty.gguf", [])
gguf("scalars.gguf", [key(f"k{kind}", kind, 1) for kind in PACK] + [key("s", STR, "text")])
gguf("arrays.gguf", [array(f"a{kind}", kind, [1, 0]) for kind in PACK] +
     [array("strings", STR, ["one", "", "drei"]), array("none", STR, [])])
gguf("tensors.gguf", [key("general.architecture", STR, "llama")],
     [tensor("q8", [32, 2], 8, 0), tensor("f16", [3], 1, 96), tensor("q4k", [256], 12, 128),
      tensor("deep", [2, 1, 2, 1], 0, 288)], bytes(304))
gguf("aligned.gguf", [key("general.alignment", U32, 64)], [tensor("f32", [4], 0, 64)], bytes(80),
     alignment=64)
gguf("version2.gguf", [key("a", U32, 7)], [tensor("bf16", [2, 2], 30, 0)], bytes(8), version=2)
# one tensor of each packed format: number, values, bytes of a block
PACKED = [(2, 32, 18), (3, 32, 20), (6, 32, 22), (7, 32, 24), (10, 256, 84), (11, 256, 110),
          (12, 256, 144), (13, 256, 176), (14, 256, 210), (20, 32, 18), (23, 256, 136)]
rows, data = [], b""
for number, values, size in PACKED:
    rows.append(tensor(f"t{number}", [values, 2], number, len(data)))
    data += bytes((7 * i) % 256 for i in range(2 * size))
    data += bytes(-len(data) % 32)
gguf("packed.gguf", [], rows, data)
# absurd: lengths, offsets, parts
gguf("too-long.gguf", [], [tensor("q4_k", [256, 1 << 40], 12, 0)], bytes(144))
gguf("too-far.gguf", [], [tensor("q6_k", [256], 14, (1 << 63) + 32)], bytes(210))
gguf("not-blocks.gguf", [], [tensor("q2_k", [128], 10, 0)], bytes(84))
part = [key("split.no", U16, 0), key("split.count", U16, 2), key("split.tensors.count", I32, 1)]
two = [key("split.no", U16, 1), key("split.count", U16, 2), key("split.tensors.count", I32, 1)]
with open(os.path.join(here, "gguf", "parts.gguf"), "wb") as f:
    f.write(gguf_bytes(part) + gguf_bytes(two, [tensor("w", [32], 20, 0)], bytes(18)))
with open(os.path.join(here, "imatrix", "old.dat"), "wb") as f:
    f.write(struct.pack("<ii1sii4fi", 1, 1, b"a", 3, 4, 1, 2, 0, 0.5, 7))
gguf("new.gguf", [key("general.type", STR, "imatrix")],
     [tensor("a.in_sum2", [4], 0, 0), tensor("a.counts", [1], 0, 32)], bytes(36), folder="imatrix")
safetensors("empty.safetensors", {}, b"")
safetensors("two.safetensors",
            {"__metadata__": {"format": "pt"},
             "a.lora_A.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
             "b": {"dtype": "BF16", "shape": [2], "data_offsets": [24, 28]},
             "scalar": {"dtype": "I64", "shape": [], "data_offsets": [28, 36]}}, bytes(36))
