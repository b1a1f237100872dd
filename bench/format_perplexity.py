#!/usr/bin/env python3
"""Perplexity of one model in every number format, by frugal and by transformers on the same weights.

    python3 bench/format_perplexity.py FRUGAL MODEL.gguf TEXT [TOKENS]      needs torch, transformers, gguf, numpy

Each format is written by `frugal quantize --requantize`, read by both, teacher-forced over the same ids. What transformers
gets is dequantized by the gguf package, so a difference is one of arithmetic, or an error in reading. Prints a Markdown table:
perplexity of both, their ratio, the largest difference of logits as a share of their range, and how often the top token agrees.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers

TYPES = ["f16", "bf16", "q8_0", "q6_k", "q5_k", "q5_1", "q5_0", "q4_k", "q4_1", "q4_0", "iq4_nl", "iq4_xs", "q3_k", "q2_k"]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def perplexity(logits, ids):
    z = logits[:-1].astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return float(np.exp(-log_p[np.arange(len(ids) - 1), ids[1:]].mean()))


def main():
    frugal, model, path = sys.argv[1:4]
    n_tokens = int(sys.argv[4]) if len(sys.argv) > 4 else 256
    torch.set_num_threads(1)
    text = open(path, encoding="utf-8").read()[: 6 * n_tokens]
    print("| format | frugal | transformers | ratio - 1 | logits | top token |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        ledger = os.path.join(folder, "ledger.db")
        for kind in TYPES:
            file = os.path.join(folder, "m.gguf")
            run(frugal, "quantize", model, file, kind, "--requantize", "--quiet", "--ledger", ledger)
            piece = text
            while len(json.loads(run(frugal, "tokenize", "-m", file, "-p", piece, "--json"))["ids"]) > n_tokens:
                piece = piece[: len(piece) - 16]
            ids = json.loads(run(frugal, "tokenize", "-m", file, "-p", piece, "--json"))["ids"]
            out = os.path.join(folder, "logits.f32")
            run(frugal, "logits", "-m", file, "-p", piece, "--out", out, "--threads", "1", "--quiet", "--ledger", ledger)
            ours = np.fromfile(out, np.float32).reshape(len(ids), -1)
            theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file="m.gguf", dtype=torch.float32)
            with torch.no_grad():
                theirs = theirs(torch.tensor([ids])).logits[0].numpy()
            a, b = perplexity(ours, np.array(ids)), perplexity(theirs, np.array(ids))
            worst = np.abs(ours - theirs).max() / (theirs.max() - theirs.min())
            top = int((ours.argmax(1) == theirs.argmax(1)).sum())
            print(f"| {kind} | {a:.4f} | {b:.4f} | {a / b - 1:+.1e} | {worst:.1e} | {top} of {len(ids)} |", flush=True)
            os.remove(file)


if __name__ == "__main__":
    main()
