#!/bin/sh
# frugal/engine.h compiles alone as C11 and as C++11, and the example in it, taken out of its comment,
# builds as both and runs against libfrugal's own objects.
cd "$(dirname "$0")/../.." || exit 1
header=include/frugal/engine.h
build=$(dirname "$FRUGAL")
lib=$build/libfrugal.so
[ -e "$lib" ] || { echo "no libfrugal.so in the build folder"; exit 77; }
out=${TEST_TMP:-$(mktemp -d)}
awk '/^ \*     #include <frugal\/engine.h>/{on=1} /^ \* Build with/{on=0} on' $header |
    sed 's/^ \*     //; s/^ \*$//' > "$out/example.c"
cp "$out/example.c" "$out/example.cc"
set -e
flags="-Wall -Wextra -Werror -Wno-missing-field-initializers -Iinclude"
# a sanitized library needs its run-time in the program
sanitize=$(sed -n 's/^FRUGAL_SANITIZE:STRING=//p' "$build/CMakeCache.txt")
[ -z "$sanitize" ] || flags="$flags -fsanitize=$sanitize"
# shellcheck disable=SC2086
${CC:-cc} -std=c11 $flags "$out/example.c" -o "$out/c" -L"$build" -lfrugal -Wl,-rpath,"$build"
# shellcheck disable=SC2086
${CXX:-c++} -std=c++11 $flags "$out/example.cc" -o "$out/cc" -L"$build" -lfrugal -Wl,-rpath,"$build"
for program in c cc; do
    "$out/$program" tests/fixtures/models/random.gguf "the cat" > "$out/said"
    tail -n 1 "$out/said" | grep -qx '16 tokens, length'
    ! "$out/$program" nowhere.gguf x 2> "$out/said"
    grep -q nowhere.gguf "$out/said"
done
# what is exported is what the headers declare
nm -D --defined-only "$lib" | sed 's/.* //; s/@.*//' | grep '^fr_' | while read -r name; do
    grep -rqw "$name" include/frugal || { echo "$name is exported, but in no public header"; exit 1; }
done
