#!/bin/sh
# data/practices.csv: 114 rows; each names a command that exists and, when done or partly done, tests
# that exist. docs/coverage.md is made from it (scripts/coverage.sh) and must be up to date.
cd "$(dirname "$0")/../.." || exit 1
"$FRUGAL" --commands > "$TEST_TMP/commands" || exit 1
awk -v commands="$TEST_TMP/commands" '
    BEGIN { FS = ","; while ((getline line < commands) > 0) known[line] = 1 }
    NR == 1 { if ($0 != "id,stage,practice,command,test,status") { print "header: " $0; exit 1 } next }
    NF != 6 { print "line " NR ": " NF " fields, not 6"; bad++; next }
    $1 != NR - 1 { print "line " NR ": id " $1; bad++ }
    $6 !~ /^(done|partly|planned)$/ { print "line " NR ": status " $6; bad++ }
    $6 != "planned" {
        if (!($4 in known)) { print "line " NR ": no command " $4; bad++ }
        n = split($5, tests, " ")
        if (n == 0) { print "line " NR ": no test"; bad++ }
        for (i = 1; i <= n; i++)
            if (system("test -e " tests[i]) != 0) { print "line " NR ": no test " tests[i]; bad++ }
    }
    END { if (NR != 115) { print NR - 1 " rows, not 114"; bad++ } exit bad > 0 }
' data/practices.csv || exit 1
scripts/coverage.sh | cmp -s - docs/coverage.md || { echo "docs/coverage.md is not what scripts/coverage.sh prints"; exit 1; }
