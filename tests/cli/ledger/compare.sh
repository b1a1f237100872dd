# Processor time is what is judged where no counter is; twice the work is over a limit of 5%.
printf 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done' > once
printf '. ./once; . ./once' > twice
for n in 1 2 3; do
    frugal meter -q -- sh ./once; a="$a,$(frugal ledger list -n 1 | tail -n 1 | cut -c1-14)"
    frugal meter -q -- sh ./twice; b="$b,$(frugal ledger list -n 1 | tail -n 1 | cut -c1-14)"
done
frugal ledger compare "${a#,}" "${b#,}" --json > c.json
python3 - <<'EOF'
import json
c = json.load(open("c.json"))
assert c["a"]["runs"] == 3 and c["b"]["runs"] == 3 and not c["regressed"]
i = c["change"]["work"]
assert i["low_ratio"] < i["value_ratio"] < i["high_ratio"] and i["value_ratio"] > 0.3, c
assert c["judged"] == ("energy" if c["grade"] == "A" else "processor time")
EOF
frugal ledger compare "${a#,}" "${a#,}" --max-regression 5% > tie || exit 90
grep -c '^a tie: ' tie
frugal ledger compare "${b#,}" "${a#,}" --max-regression 5% > /dev/null || exit 91
frugal ledger compare "${a#,}" "${b#,}" --max-regression 5% > /dev/null
