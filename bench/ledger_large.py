#!/usr/bin/env python3
"""CPU-seconds of frugal's words on a ledger of 30,000 runs (two thousand minutes' worth of a row a minute).
usage: bench/ledger_large.py build/frugal [N]      makes the ledger in a temporary folder"""
import os, resource, shutil, sqlite3, subprocess, sys, tempfile, time

frugal, n = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 30000
top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
folder = tempfile.mkdtemp()
path = os.path.join(folder, "ledger.db")
shutil.copy(os.path.join(top, "tests/fixtures/ledger/version-1.db"), path)
env = dict(os.environ, FRUGAL_LEDGER=path)
subprocess.run([frugal, "ledger", "list"], env=env, stdout=subprocess.DEVNULL, check=True)  # to the latest version
db = sqlite3.connect(path)
columns = [r[1] for r in db.execute("PRAGMA table_info(run)")]
row = dict(zip(columns, db.execute("SELECT * FROM run WHERE seq = 1").fetchone()))
now = time.time_ns()
runs, buckets, notes = [], [], []
for i in range(n):
    r = dict(row, seq=10 + i, id="01%024d" % i, name="job%d" % (i % 7), command="./job %d" % (i % 500), parent=None)
    r["start_unix_ns"] = now - (n - i) * 60 * 10**9
    r["end_unix_ns"], r["duration_s"], r["cpu_s"] = r["start_unix_ns"] + 5 * 10**9, 5.0, 4 + i % 10 / 10
    runs.append([r[c] for c in columns])
    buckets.append((10 + i, r["start_unix_ns"], 1, r["end_unix_ns"], row["energy_uj"], row["energy_low_uj"], row["energy_high_uj"]))
    for kind, name, value in (("factor", "market_g_per_kwh", 1.0), ("account", "market_g", 1e-5), ("used", "cpu_ratio", 0.5),
                              ("host", "threads", 8.0), ("work", "answers", 4.0)):
        notes.append((10 + i, kind, name, value))
db.executemany("INSERT INTO run VALUES (%s)" % ",".join("?" * len(columns)), runs)
db.executemany("INSERT INTO bucket VALUES (?,?,?,?,?,?,?)", buckets)
db.executemany("INSERT INTO note (run, kind, name, value) VALUES (?,?,?,?)", notes)
db.commit()
db.close()
subprocess.run([frugal, "ledger", "change", "half way", "--at", time.strftime("%Y-%m-%d", time.gmtime(now / 1e9 - n * 30))],
               env=env, stdout=subprocess.DEVNULL, check=True)
for words in ("ledger list", "ledger show last", "ledger compare job1 job2", "ledger unit answers", "ledger change", "advise --days 90",
              "audit " + folder, "report -o " + folder + "/r.html", "ledger export --bundle " + folder + "/b.tar"):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([frugal] + words.split(), env=env, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print("%-28s %6.2f CPU-s" % (" ".join(words.split()[:2]), used))
shutil.rmtree(folder)
