#!/bin/sh
# The small program needs libc and nothing else: its package runs in a root folder that holds nothing
# but that.
cd "$(dirname "$0")/../.." || exit 1
build=$(dirname "$FRUGAL"); tmp=$TEST_TMP
if [ -n "$(grep FRUGAL_SANITIZE:STRING=. "$build/CMakeCache.txt")" ]; then
    echo "a sanitized program needs the sanitizer's library"; exit 77
fi
cmake --build "$build" --target frugal-meter > "$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
scripts/meter_package "$build/frugal-meter" "$tmp" > "$tmp/packed" || exit 1
root=$tmp/root; mkdir -p "$root/proc" "$root/sys" "$root/home" "$root/bin"
tar -C "$root" --strip-components=1 -xzf "$tmp"/*.tar.gz || exit 1
for library in $(ldd "$root/bin/frugal" | grep -o '/[^ ]*'); do
    mkdir -p "$root$(dirname "$library")"; cp "$library" "$root$library"
done
cat > "$tmp/inside" <<'END'
set -e
mount --bind /proc "$1/proc"
cp "$1/bin/frugal" "$1/bin/job"
HOME=/home chroot "$1" /bin/frugal meter --json --report /used.json -- /bin/job --version
HOME=/home chroot "$1" /bin/frugal ledger list
HOME=/home chroot "$1" /bin/frugal doctor
END
unshare -rm sh "$tmp/inside" "$root" > "$tmp/out" 2>&1
status=$?
if [ $status -ne 0 ] && grep -q -i -e 'unshare' -e 'mount:' "$tmp/out"; then
    echo "no namespaces here, so no empty root"; exit 77
fi
[ $status -eq 0 ] && grep -q '"total": [0-9]' "$root/used.json" && grep -q meter "$tmp/out" ||
    { echo "the small program does not run alone:"; cat "$tmp/out"; exit 1; }
