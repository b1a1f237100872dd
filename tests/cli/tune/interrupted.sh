# Ctrl-C keeps what was learned, unasked; the same command goes on and cleans up behind itself.
. "$TOP/tests/cli/train/make_rows"
make_rows
frugal train train.yaml --quiet > /dev/null 2>&1 || exit $?
tune() { exec frugal tune lora -m model.gguf -d rows.jsonl -o adapter -e 200 -t 1 --patience 999 --json 2> said > result; }
(tune) &
for _ in $(seq 2000); do [ -s adapter.checkpoint/log.csv ] && break; sleep 0.01; done
kill -INT $!; wait $!; echo "status $?"
grep -o 'Run the same command again to go on.' said
ls adapter.checkpoint
(tune); echo "status $?"; ls -d adapter*
