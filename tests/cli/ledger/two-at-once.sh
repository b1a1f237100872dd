# Eight programs open one ledger of version 1 at the same moment and write: it is brought up once, nothing
# is lost, and every figure still follows.
cp "$FIXTURES/ledger/version-1.db" one.db
for n in 1 2 3 4; do
    frugal ledger unit "orders=$n" --day "2026-11-0$n" --ledger one.db > "unit-$n" 2>&1 &
    frugal meter -q --ledger one.db -- true 2> "meter-$n" &
done
wait
cat unit-* meter-* | grep -v '^1 recorded'
frugal ledger unit orders --ledger one.db | wc -l
frugal ledger verify --ledger one.db
