# The Python module: context manager, decorator, an exception on the way, work and quality; and without
# a meter nothing at all.
command -v python3 > /dev/null || { echo "no python3"; exit 77; }
cat > job.py <<'EOF'
import os, sys
sys.path.insert(0, os.path.join(os.environ["TOP"], "python"))
import frugal

@frugal.phase("evaluate", answers=3)
def evaluate():
    frugal.quality(accuracy=0.75)
    return "fine"

with frugal.phase("train"):
    for i in range(2):
        with frugal.phase("step"):
            frugal.work(tokens=256, nothing=float("nan"))
assert evaluate() == "fine" and evaluate.__name__ == "evaluate"
try:
    with frugal.phase("broken\nend train"):
        raise ValueError
except ValueError:
    pass
frugal.begin("a"); frugal.next_phase("b"); frugal.end()
if os.fork() == 0:
    os._exit(0)
os.wait()
assert frugal.sync() == frugal.is_metered() == bool(os.environ.get("FRUGAL_SOCKET"))
assert frugal.dropped() == 0
EOF
python3 job.py || exit 1
RANK=1 "$FRUGAL" meter --json --report rank1.json -- sh -c 'env -u FRUGAL_SOCKET python3 job.py' || exit 1
grep -q '"phases": \[\]' rank1.json || exit 1
"$FRUGAL" meter --json --report used.json -- python3 job.py || exit 1
sed -n 's/^ *"\(path\|times\|tokens\|accuracy\|answers\|unbalanced\|malformed\)": \(".*"\|[0-9]*\|[0-9]*[.]0\|0[.]75\),*$/\1 \2/p' used.json
