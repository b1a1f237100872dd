#!/usr/bin/env python3
"""What --profile costs: CPU-seconds of `frugal perplexity` with and without, in turns, one thread.
usage: bench/profile_cost.py [BUILD-DIR [RUNS]]"""
import os, resource, statistics, subprocess, sys, tempfile

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
build = sys.argv[1] if len(sys.argv) > 1 else os.path.join(top, "build")
runs = int(sys.argv[2]) if len(sys.argv) > 2 else 8
work = tempfile.mkdtemp()
text = os.path.join(work, "text")
with open(text, "w") as out:
    out.write((open(os.path.join(top, "README.md")).read() * 3)[:24000])


def cpu_s(*more):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([os.path.join(build, "frugal"), "perplexity", "-m", os.path.join(top, "models/frugal-tiny.gguf"),
                    "-f", text, "-t", "1", "--ledger", "", "--quiet", *more], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


cpu_s()
ratios = []
for _ in range(runs):
    without, with_it = cpu_s(), cpu_s("--profile", os.path.join(work, "profile.json"))
    ratios.append(with_it / without)
    print("%.3f s without, %.3f s with" % (without, with_it), flush=True)
print("median ratio with / without: %.4f (%.4f to %.4f)" % (statistics.median(ratios), min(ratios), max(ratios)))
