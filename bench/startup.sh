#!/bin/sh
# Start-up time and size: `frugal --version` (goal: under 20 ms) and the program without the model
# (goal: under 10 MB). Prints the median of 21 starts beside `true`, which is what a start costs here.
# usage: bench/startup.sh [build/frugal]
frugal=${1:-build/frugal}
median_ms() {
    for _ in $(seq 21); do
        a=$(date +%s%N); "$@" > /dev/null; b=$(date +%s%N)
        echo $(((b - a) / 1000))
    done | sort -n | sed -n 11p | awk '{ printf "%.2f", $1 / 1000 }'
}
echo "true               $(median_ms /bin/true) ms"
echo "frugal --version   $(median_ms "$frugal" --version) ms"
cp "$frugal" /tmp/frugal-stripped.$$ && strip /tmp/frugal-stripped.$$
echo "binary             $(stat -c %s "$frugal") bytes, stripped $(stat -c %s /tmp/frugal-stripped.$$) bytes"
rm -f /tmp/frugal-stripped.$$
