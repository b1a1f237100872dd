#!/bin/sh
# Each public header compiles alone, as C11 and as C++11; each header of a room compiles alone, but for
# bodies (*_body.h), which a row's file includes after it said what a vector is.
cd "$(dirname "$0")/../.." || exit 1
bad=0
for header in include/frugal/*.h; do
    name=frugal/$(basename "$header")
    echo "#include <$name>" | ${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c - || { echo "$name fails as C11"; bad=1; }
    echo "#include <$name>" | ${CXX:-c++} -std=c++11 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c++ - || { echo "$name fails as C++11"; bad=1; }
done
for header in $(git ls-files -co --exclude-standard 'src/*.h' | grep -v '_body\.h$'); do
    echo "#include \"${header#src/}\"" | ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -Iinclude -Isrc -fsyntax-only -x c - || { echo "$header fails alone"; bad=1; }
done
exit $bad
