#!/bin/sh
# What monitor and top take themselves, in CPU-seconds of a minute and resident bytes. Wall time does not matter, so a
# busy machine will do. usage: bench/monitor.sh BUILD-DIR [SECONDS]
frugal=$1/frugal; seconds=${2:-60}
command -v python3 > /dev/null || { echo "needs python3"; exit 1; }
FRUGAL=$frugal SECONDS_EACH=$seconds python3 - <<'EOF'
import os, pty, resource, subprocess, threading, time
frugal, seconds = os.environ["FRUGAL"], float(os.environ["SECONDS_EACH"])

def run(name, argv, terminal=False):
    master, slave = pty.openpty()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = slave if terminal else subprocess.DEVNULL
    p = subprocess.Popen([frugal, *argv], stdin=out, stdout=out, stderr=subprocess.DEVNULL, start_new_session=True,
                         env={**os.environ, "TERM": "xterm", "FRUGAL_LEDGER": "bench-ledger.db"})
    threading.Thread(target=lambda: [os.read(master, 65536) for _ in iter(int, 1)], daemon=True).start()
    time.sleep(seconds)
    status = open(f"/proc/{p.pid}/status").read()
    rss = int(status.split("VmRSS:")[1].split()[0])
    switches = int(status.split("voluntary_ctxt_switches:")[1].split()[0])
    p.terminate()
    p.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:44} {cpu:7.3f} CPU-s  {100 * cpu / seconds:6.3f}% of a core  {rss / 1024:5.1f} MB  {switches / seconds:5.1f} wake-ups/s")

run("monitor, page for Prometheus, every 10 s", ["monitor", "--listen", "127.0.0.1:0"])
run("monitor, file, every 10 s", ["monitor", "--file", "/dev/null"])
run("monitor, file, every second", ["monitor", "--file", "/dev/null", "--interval", "1"])
run("top, every 2 s", ["top"], terminal=True)
EOF
rm -f bench-ledger.db bench-ledger.db-*
