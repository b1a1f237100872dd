# What could not be written is no success, and is said once.
[ -c /dev/full ] || { echo "no /dev/full here"; exit 77; }
for words in 'regions' 'regions --json' 'models list --json' 'adapt --help' 'ledger list --json' \
    "tokenize -m $TOP/models/frugal-tiny.gguf -p hi --json" "generate -m $TOP/models/frugal-tiny.gguf -p hi -n 2 -q --json --ledger l.db"; do
    # shellcheck disable=SC2086
    frugal $words > /dev/full; echo "${words%% -*}: exit status $?"
done
frugal meter --ledger l.db -q -- true
frugal ledger export --ledger l.db --json > runs.json; head -n 3 runs.json
