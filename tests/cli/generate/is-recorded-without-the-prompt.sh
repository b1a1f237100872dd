frugal generate -q -m "$FIXTURES/models/random.gguf" -p "my secret words" -n 2 > text
frugal ledger export > all.json 2>&1 || frugal ledger list --json > all.json
grep -c generate all.json > /dev/null && ! grep -q "secret words" all.json
