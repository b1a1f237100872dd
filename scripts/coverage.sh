#!/bin/sh
# Prints docs/coverage.md from data/practices.csv: what of the known good practice is answered.
cd "$(dirname "$0")/.." || exit 1
awk -F, '
    BEGIN {
        print "# Coverage of the practices\n"
        print "Made by `scripts/coverage.sh` from `data/practices.csv`; a test holds the two together.\n"
    }
    NR == 1 { next }
    !($2 in seen) { seen[$2] = 1; order[++n] = $2 }
    { total[$2]++; if ($6 == "done") done[$2]++; if ($6 == "partly") partly[$2]++
      all++; alldone += $6 == "done"; allpartly += $6 == "partly"
      row[NR] = sprintf("| %s | %s | `%s` | %s | %s |", $1, $3, $4, $5 == "" ? "" : "`" $5 "`", $6); stage[NR] = $2 }
    END {
        print "| stage | rows | done | partly | planned |\n|---|---|---|---|---|"
        for (i = 1; i <= n; i++) { s = order[i]; printf "| %s | %d | %d | %d | %d |\n", s, total[s], done[s], partly[s], total[s] - done[s] - partly[s] }
        printf "| **all** | %d | %d | %d | %d |\n", all, alldone, allpartly, all - alldone - allpartly
        for (i = 1; i <= n; i++) {
            printf "\n## %s\n\n| # | practice | command | test | status |\n|---|---|---|---|---|\n", order[i]
            for (r = 2; r <= NR; r++) if (stage[r] == order[i]) print row[r]
        }
    }' data/practices.csv
