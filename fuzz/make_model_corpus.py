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

# whole models of a few numbers each, for model_fuzz
DIM, HEADS, FFN, CONTEXT, LAYERS = 4, 2, 6, 16, 1


def model(arch, kind, tokens, types, shapes, keys=()):
    """shapes: {name: dims, columns first}; numbers between -1 and 1."""
    base = [key("general.architecture", STR, arch), key(f"{arch}.block_count", U32, LAYERS),
            key(f"{arch}.embedding_length", U32, DIM), key(f"{arch}.context_length", U32, CONTEXT),
            key(f"{arch}.feed_forward_length", U32, FFN),
            key(f"{arch}.attention.head_count", U32, HEADS),
            key("tokenizer.ggml.model", STR, kind), array("tokenizer.ggml.tokens", STR, tokens),
            array("tokenizer.ggml.token_type", I32, types),
            array("tokenizer.ggml.scores", F32, [-float(i) for i in range(len(tokens))]),
            key("tokenizer.ggml.bos_token_id", U32, 0), key("tokenizer.ggml.eos_token_id", U32, 1),
            key("tokenizer.ggml.unknown_token_id", U32, 2)]
    rows, data = [], b""
    for name, dims in shapes.items():
        n = 1
        for d in dims:
            n *= d
        rows.append(tensor(name, dims, 0, len(data)))
        data += struct.pack(f"<{n}f", *[((i * 37 + len(name)) % 64 - 32) / 32 for i in range(n)])
        data += bytes(-len(data) % 32)
    gguf(arch + ".gguf", base + list(keys), rows, data, folder="model")


def layers(prefix, names):
    return {f"{prefix}blk.{i}.{n}": d for i in range(LAYERS) for n, d in names.items()}


def both(name, cols, rows):
    return {name + ".weight": [cols, rows], name + ".bias": [rows]}


def norm(name, bias=True):
    return {name + ".weight": [DIM], **({name + ".bias": [DIM]} if bias else {})}


os.makedirs(os.path.join(here, "model"), exist_ok=True)
VOCAB = 8
qkv = {f"attn_{p}.weight": [DIM, DIM] for p in "qkv"}
model("llama", "llama", ["<s>", "</s>", "<unk>", "\u2581", "a", "b", "\u2581a", "ab"],
      [3, 3, 2, 1, 1, 1, 1, 1],
      {"token_embd.weight": [DIM, VOCAB], "output_norm.weight": [DIM],
       **layers("", {**norm("attn_norm", False), **qkv, "attn_output.weight": [DIM, DIM],
                     **norm("ffn_norm", False), "ffn_gate.weight": [DIM, FFN],
                     "ffn_up.weight": [DIM, FFN], "ffn_down.weight": [FFN, DIM]})})
bert_tokens = ["[CLS]", "[SEP]", "[UNK]", "\u2581", "a", "b", "\u2581a", "\u2581b"]
model("bert", "bert", bert_tokens, [3, 3, 2, 1, 1, 1, 1, 1],
      {"token_embd.weight": [DIM, VOCAB], "position_embd.weight": [DIM, CONTEXT],
       "token_types.weight": [DIM, 2], **norm("token_embd_norm"), **both("cls", DIM, DIM),
       **both("cls.output", DIM, 3),
       **layers("", {**both("attn_q", DIM, DIM), **both("attn_k", DIM, DIM),
                     **both("attn_v", DIM, DIM), **both("attn_output", DIM, DIM),
                     **norm("attn_output_norm"), **both("ffn_up", DIM, FFN),
                     **both("ffn_down", FFN, DIM), **norm("layer_output_norm")})},
      [key("bert.pooling_type", U32, 4), array("bert.classifier.output_labels", STR, ["x", "y"])])
model("nomic-bert", "bert", bert_tokens, [3, 3, 2, 1, 1, 1, 1, 1],
      {"token_embd.weight": [DIM, VOCAB], **norm("token_embd_norm"),
       **layers("", {"attn_qkv.weight": [DIM, 3 * DIM], "attn_output.weight": [DIM, DIM],
                     **norm("attn_output_norm"), "ffn_gate.weight": [DIM, FFN],
                     "ffn_up.weight": [DIM, FFN], "ffn_down.weight": [FFN, DIM],
                     **norm("layer_output_norm")})})
half = {**norm("attn_norm", False), **qkv, "attn_o.weight": [DIM, DIM], **norm("ffn_norm", False),
        "ffn_up.weight": [DIM, FFN], "ffn_down.weight": [FFN, DIM]}
cross = {**norm("cross_attn_norm", False),
         **{f"cross_attn_{p}.weight": [DIM, DIM] for p in "qkvo"}}
model("t5", "t5", ["<pad>", "</s>", "<unk>", "\u2581", "a", "b", "\u2581a", "ab"],
      [3, 3, 2, 1, 1, 1, 1, 1],
      {"token_embd.weight": [DIM, VOCAB], "enc.output_norm.weight": [DIM],
       "dec.output_norm.weight": [DIM], "enc.blk.0.attn_rel_b.weight": [HEADS, 8],
       "dec.blk.0.attn_rel_b.weight": [HEADS, 8], **layers("enc.", half),
       **layers("dec.", {**half, **cross})},
      [key("t5.attention.relative_buckets_count", U32, 8), key("t5.decoder_start_token_id", U32, 0),
       array("tokenizer.ggml.precompiled_charsmap", I8, [4, 0, 0, 0, 0, 4, 0, 0, 97, 0])])
