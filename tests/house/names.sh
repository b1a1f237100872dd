#!/bin/sh
# Source file names are unique in the tree, so that a name in a message leads to one place.
cd "$(dirname "$0")/../.." || exit 1
twice=$(git ls-files -co --exclude-standard 'src/*.c' 'tests/unit/*.c' 'fuzz/*.c' | sed 's|.*/||' | sort | uniq -d)
[ -z "$twice" ] || { echo "these names stand twice: $twice"; exit 1; }
