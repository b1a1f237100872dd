#!/bin/sh
# What --profile costs: CPU-seconds of `frugal perplexity` with and without, in turns, one thread.
# usage: bench/profile.sh [BUILD-DIR [RUNS]]
set -e
top=$(cd "$(dirname "$0")/.." && pwd); build=${1:-$top/build}; runs=${2:-7}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
i=0; while [ $i -lt 12 ]; do cat "$top/README.md"; i=$((i + 1)); done | head -c 40000 > "$work/text"
cpu() { # seconds of the steps' own operations are not asked: all of the program is
    /usr/bin/time -f "%U %S" -o "$work/t" "$build/frugal" perplexity -m "$top/models/frugal-tiny.gguf" -f "$work/text" \
        -t 1 --ledger "" --quiet "$@" > /dev/null
    awk '{ printf "%.3f\n", $1 + $2 }' "$work/t"
}
cpu > /dev/null
i=0
while [ $i -lt "$runs" ]; do
    echo "$(cpu) $(cpu --profile "$work/profile.json")"
    i=$((i + 1))
done | sort -n | awk '{ a[NR] = $1; r[NR] = $2 / $1; print "  " $1 " s without, " $2 " s with" }
    END { n = asort_(r, NR); print "median ratio with / without: " r[int((NR + 1) / 2)] }
    function asort_(x, n,   i, j, t) { for (i = 2; i <= n; i++) for (j = i; j > 1 && x[j - 1] > x[j]; j--) { t = x[j]; x[j] = x[j - 1]; x[j - 1] = t } return n }'
