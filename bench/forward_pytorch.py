#!/usr/bin/env python3
"""The peer of bench/forward.c: the same llama of 4.4 million random parameters in transformers, one
thread, eager: best prompt of 256 tokens and best token after it, per second of processor time.

    python3 bench/forward_pytorch.py        needs torch and transformers
"""
import time

import torch
import transformers

torch.set_num_threads(1)
config = transformers.LlamaConfig(
    vocab_size=4096, hidden_size=224, intermediate_size=576, num_hidden_layers=6,
    num_attention_heads=7, num_key_value_heads=7, max_position_embeddings=1024,
    tie_word_embeddings=True)


def best(n, step):
    seconds = []
    for _ in range(n):
        start = time.process_time()
        step()
        seconds.append(time.process_time() - start)
    return min(seconds)


print(f"torch {torch.__version__}, transformers {transformers.__version__}")
for dtype in (torch.float32, torch.bfloat16):
    model = transformers.LlamaForCausalLM(config).eval().to(dtype)
    prompt, token = torch.arange(256)[None] * 31 % 4096, torch.tensor([[5]])
    with torch.no_grad():
        prefill = best(12, lambda: model(prompt, use_cache=True, logits_to_keep=1))
        past = model(prompt, use_cache=True).past_key_values
        decode = best(40, lambda: model(token, past_key_values=past, use_cache=True))
    print(f"{dtype}: prefill {256 / prefill:.0f}, decode {1 / decode:.0f} tokens per CPU-second")
