# --json prints the verdict alone, with the keys that others rely on.
. "$TOP/tests/cli/adapt/make_task"
make_task t
frugal adapt t/task.yaml --out out --ledger l.db --json > verdict.json 2> told || exit $?
head -c 1 verdict.json
for key in schema run task target chosen break_even_requests grid rungs energy_j total overhead \
    remainder strategy model method quality metric value ci_low ci_high n predicted build evaluate \
    per_request horizon carbon_g cpu_s met status artifact grade reason demonstration notes; do
    grep -q "\"$key\":" verdict.json || echo "no key $key"
done
grep -c '"schema"' verdict.json
