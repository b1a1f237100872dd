#!/bin/sh
# Every command has a summary, an example that begins with its own name, and a test folder.
cd "$(dirname "$0")/../.." || exit 1
bad=0
for command in $("$FRUGAL" --commands); do
    help=$("$FRUGAL" "$command" --help) || { echo "$command --help fails"; bad=1; }
    echo "$help" | sed -n '/^examples:/,$p' | grep -q "frugal $command" || { echo "$command: no example in --help"; bad=1; }
    echo "$help" | grep -q -- --json || { echo "$command: no --json"; bad=1; }
    [ -d "tests/cli/$command" ] || { echo "$command: no tests/cli/$command"; bad=1; }
done
exit $bad
