#!/bin/sh
# What `make install` leaves works by itself: program, man pages, completions, and a C and a C++
# program that are built with the installed headers, pkg-config file and library. Each function that
# a public header declares is exported, and nothing else is.
cd "$(dirname "$0")/../.." || exit 1
build=$(dirname "$FRUGAL"); to=$TEST_TMP/prefix
if [ -n "$(grep FRUGAL_SANITIZE:STRING=. "$build/CMakeCache.txt")" ]; then
    echo "a sanitized library is not for installing"; exit 77
fi
cmake --install "$build" --prefix "$to" > "$TEST_TMP/log" 2>&1 || { cat "$TEST_TMP/log"; exit 1; }
"$to/bin/frugal" --version | grep -q '^frugal ' || { echo "the installed program does not run"; exit 1; }
for command in $("$FRUGAL" --commands); do
    [ -s "$to/share/man/man1/frugal-$command.1" ] || { echo "no man page for $command"; exit 1; }
done
[ -s "$to/share/bash-completion/completions/frugal" ] || { echo "no completion"; exit 1; }
grep -q "^ExecStart=$to/bin/frugal monitor" "$to/lib/systemd/system/frugal-monitor.service" || { echo "no unit that starts the installed program"; exit 1; }
[ -s "$to/share/frugal/grafana-dashboard.json" ] || { echo "no dashboard"; exit 1; }
cat > "$TEST_TMP/use.c" <<'C'
#include <frugal/err.h>
#include <frugal/figure.h>
#include <stdio.h>
int main(void)
{
    fr_energy e = fr_energy_add(fr_energy_zero(), fr_energy_unknown());
    printf("%s %s\n", fr_method_name(e.method), fr_err_name(FR_E_IO));
    return 0;
}
C
cp "$TEST_TMP/use.c" "$TEST_TMP/use.cc"
pc=$(find "$to" -name frugal.pc) && libs=$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs frugal) || exit 1
for tool in "${CC:-cc} $TEST_TMP/use.c" "${CXX:-c++} $TEST_TMP/use.cc"; do
    # shellcheck disable=SC2086
    $tool -o "$TEST_TMP/use" $libs || exit 1
    LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")") "$TEST_TMP/use" | grep -q '^none FR_E_IO$' || { echo "a program built on it does not run"; exit 1; }
done
nm -D --defined-only "$(find "$to" -name 'libfrugal.so.0')" | sed -n 's/.* T \(fr_[a-z0-9_]*\).*/\1/p' | sort > "$TEST_TMP/exported"
for header in include/frugal/*.h; do
    ${CC:-cc} -E -P -Iinclude "$header"
done | tr -s ' \n' '  ' | grep -oE '\bfr_[a-z0-9_]+ ?\([^()]*(\([^()]*\))*[^()]*\) ?;' | sed 's/ *(.*//' | sort -u > "$TEST_TMP/declared"
diff "$TEST_TMP/declared" "$TEST_TMP/exported" || { echo "declared (<) and exported (>) functions differ"; exit 1; }
