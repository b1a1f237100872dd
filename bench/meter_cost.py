#!/usr/bin/env python3
"""What the meter itself takes: CPU time, memory, start, further processes; beside CodeCarbon.

usage: bench/meter_cost.py [FRUGAL] [SECONDS]     (CodeCarbon: a Python that has it, else left out)

CPU time is the kernel's own account of frugal's threads (schedstat), without the program that is
metered: sampling, ledger and reports included, from a second after the start on; the start apart.
"""
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time

frugal = sys.argv[1] if len(sys.argv) > 1 else "build/frugal"
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 30
folder = tempfile.mkdtemp()
os.environ["XDG_DATA_HOME"] = folder


def cpu_of(pid):
    tasks = f"/proc/{pid}/task"
    return sum(int(open(f"{tasks}/{t}/schedstat").read().split()[0]) for t in os.listdir(tasks)) * 1e-9


def crowd(n):
    """n processes that sleep."""
    pids = []
    for _ in range(n):
        pid = os.fork()
        if pid == 0:
            signal.pause()
            os._exit(0)
        pids.append(pid)
    return pids


def disperse(pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


INSIDE = """
import os, signal, time
pids = []
for _ in range(%d):
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    pids.append(pid)
time.sleep(%f)
for pid in pids:
    os.kill(pid, 9)
"""


def steady(options, command, wait, length):
    report = f"{folder}/report.json"
    p = subprocess.Popen([frugal, "meter", "-q", "--json", "--report", report] + options + ["--"] + command)
    time.sleep(wait)
    before, from_s = cpu_of(p.pid), time.monotonic()
    time.sleep(length)
    percent = 100 * (cpu_of(p.pid) - before) / (time.monotonic() - from_s)
    peak_kb = [line.split()[1] for line in open(f"/proc/{p.pid}/status") if line.startswith("VmHWM")][0]
    p.wait()
    return percent, int(peak_kb), json.load(open(report))


print(f"load {' '.join(map(str, os.getloadavg()))}, {os.cpu_count()} processors")
for name, options in (("default period", []), ("10 samples a second", ["--period", "0.1"])):
    percent, peak_kb, r = steady(options, ["sleep", str(seconds + 2)], 1, seconds)
    print(f"{name}: {percent:.4f}% of one core, {peak_kb * 1024e-6:.2f} MB resident at most, "
          f"{r['samples']} samples in {r['duration_s']:.0f} s, its own {1000 * r['meter_overhead_j']:.0f} mJ")

starts = []
for _ in range(15):
    before, from_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([frugal, "meter", "-q", "--", "true"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    starts.append((1000 * (time.monotonic() - from_s),
                   1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)))
print(f"start to end of `frugal meter -- true`: {sorted(starts)[7][0]:.1f} ms (median of 15), "
      f"{sorted(s[1] for s in starts)[7]:.1f} ms of CPU time, true included")

base = None
for where, outside, inside in (("none", 0, 0), ("outside the tree", 4000, 0), ("in the tree", 0, 4000)):
    pids = crowd(outside)
    percent, peak_kb, _ = steady([], [sys.executable, "-c", INSIDE % (inside, 14)], 5, 8)
    disperse(pids)
    base = percent if base is None else base
    print(f"4,000 further processes {where}: {percent:.3f}% of one core, {peak_kb * 1024e-6:.2f} MB"
          + (f": {(percent - base) / 4:.3f}% for each 1,000" if where != "none" else ""))

PEER = """
import subprocess, resource, sys
from codecarbon import OfflineEmissionsTracker
tracker = OfflineEmissionsTracker(country_iso_code="FRA", save_to_file=False, log_level="error",
                                  measure_power_secs=%s)
tracker.start()
subprocess.run(["sleep", "%g"])
tracker.stop()
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""
for period in ("15", "1"):
    peer = subprocess.run([sys.executable, "-c", PEER % (period, seconds)], capture_output=True, text=True)
    if peer.returncode != 0:
        print("no CodeCarbon in this Python:", peer.stderr.strip().splitlines()[-1:])
        break
    peer_s, peer_mb = map(float, peer.stdout.split())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([frugal, "meter", "-q", "--", "sleep", f"{seconds:g}"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    ours_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"sleep {seconds:g} under CodeCarbon (a reading each {period} s): {peer_s:.2f} s of CPU time, {peer_mb:.0f} MB; "
          f"under frugal, all included: {ours_s:.3f} s: {peer_s / ours_s:.0f} times less")
