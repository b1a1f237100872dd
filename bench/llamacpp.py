"""What llama.cpp (package xllamacpp) does with a model, to stand beside `frugal bench` on the same machine.

usage: llamacpp.py MODEL.gguf [THREADS [PROMPT [TOKENS [ROUNDS]]]]       prints JSON: medians, as frugal bench names them
CPU time is the process's, around each request; the prompt differs in each round and no cache is used.
"""
import json, random, resource, statistics, sys, time
import xllamacpp as x

model = sys.argv[1]
threads, prompt, tokens, rounds = (int(a) for a in (sys.argv[2:] + ["1", "512", "128", "5"][len(sys.argv) - 2:]))


def cpu_s():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


p = x.CommonParams()
p.model.path = model
p.cpuparams.n_threads = threads
p.cpuparams_batch.n_threads = threads
p.n_ctx, p.n_parallel, p.n_batch, p.n_ubatch = prompt + tokens + 64, 1, 512, 512
p.warmup = True
began = time.time()
server = x.Server(p)
load_s = time.time() - began
WORDS = "the of and to in is was for on that with as by at from his an were are which this be or had not".split()
r = random.Random(7)


def ask(n_prompt, n):
    text = " ".join(r.choice(WORDS) for _ in range(n_prompt))
    before, wall = cpu_s(), time.time()
    out = server.handle_completions({"prompt": text, "max_tokens": n, "n_predict": n, "temperature": 0, "ignore_eos": True,
                                     "cache_prompt": False})
    if isinstance(out, str):
        out = json.loads(out)
    return out["timings"], cpu_s() - before, time.time() - wall


ask(16, 2)
pre, pre_cpu, dec, dec_cpu = [], [], [], []
for _ in range(rounds):
    t, c, w = ask(prompt, 1)
    pre.append(t["prompt_n"] / w); pre_cpu.append(t["prompt_n"] / c)
    t, c, w = ask(1, tokens)
    dec.append(t["predicted_n"] / w); dec_cpu.append(t["predicted_n"] / c)
m = statistics.median
print(json.dumps({"peer": "llama.cpp, xllamacpp " + x.__version__, "threads": threads, "prompt_tokens": t["prompt_n"], "prefill_tokens_per_s": m(pre),
    "prefill_tokens_per_cpu_s": m(pre_cpu), "decode_tokens_per_s": m(dec), "decode_tokens_per_cpu_s": m(dec_cpu), "load_s": load_s,
    "rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}, indent=1))
