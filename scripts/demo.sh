#!/bin/sh
# Climbs the ladder on both examples with the embedded model: every rung is really run and metered.
# Called by `make demo`, after the build. At most five minutes on two cores, 150 s of it training
# (two tasks, three trained rungs, 23 s each and a look at dev). Results stay in demo/; an interrupted demo goes on.
#   FRUGAL=build/frugal OUT=demo TRAIN_S=23 scripts/demo.sh
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
FRUGAL=${FRUGAL:-$top/build/frugal}
OUT=${OUT:-$top/demo}
TRAIN_S=${TRAIN_S:-23}

[ -x "$FRUGAL" ] || { echo "demo: '$FRUGAL' is not built: run make first" >&2; exit 1; }
[ -f "$top/models/frugal-tiny.gguf" ] || {
    echo "demo: models/frugal-tiny.gguf is not there: models/README.md says how it is made" >&2
    exit 1
}

# A finished demo is shown again from the beginning; an unfinished one goes on where it was.
[ -f "$OUT/questions/verdict.json" ] && [ -f "$OUT/routing/verdict.json" ] && rm -rf "$OUT"
mkdir -p "$OUT"

for task in questions routing; do
    if [ -f "$OUT/$task/verdict.json" ]; then
        echo "demo: $task is climbed already, see below" >&2
        continue
    fi
    echo >&2
    echo "== $task: $(head -n 1 "$top/examples/$task/task.yaml" | sed 's/^# *//')" >&2
    "$FRUGAL" adapt "$top/examples/$task/task.yaml" --never-stop --train-time "$TRAIN_S" \
        --out "$OUT/$task" --ledger "$OUT/ledger.db" > "$OUT/$task.txt"
    status=$?
    # 3: no rung met the target, which is a verdict too
    [ $status -eq 0 ] || [ $status -eq 3 ] || exit $status
done

for task in questions routing; do
    echo
    echo "== verdict: $task"
    cat "$OUT/$task.txt"
done
"$FRUGAL" report -o "$OUT/report.html" --ledger "$OUT/ledger.db" \
    "$OUT/questions/verdict.json" "$OUT/routing/verdict.json" > /dev/null
echo
if [ -f "$OUT/report.html" ]; then
    echo "both verdicts in one report: $OUT/report.html"
else
    echo "reports: $OUT/questions/report.html and $OUT/routing/report.html"
fi
