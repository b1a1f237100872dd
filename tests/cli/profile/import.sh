# PyTorch's trace and a power log that begins with it: joules by operation, conserved; a trace with them.
printf 'time,watts\n0,10\n0.0005,10\n60,10\n' > power.csv
"$FRUGAL" profile import "$FIXTURES/profile/pytorch.json" --power power.csv --align start --out joules.json --json > sums.json || exit 1
"$FRUGAL" profile import joules.json --power power.csv --align start --top 3 > table || exit 1
head -n 1 table
grep -c "aten::" table
grep '"form"\|"method"' sums.json
for wrong in "" "import" "export x" "import nowhere.json --power power.csv" "import joules.json" \
    "import joules.json --power power.csv --samples last" "import joules.json --power power.csv --side tpu" \
    "import joules.json --power power.csv --align end" "import power.csv --power power.csv" \
    "import $FIXTURES/profile/pytorch.json --power power.csv" "import joules.json --power power.csv --side gpu"; do
    # shellcheck disable=SC2086
    "$FRUGAL" profile $wrong 2> said
    echo "$? $(head -n 1 said | sed "s|$FIXTURES||")"
done
