# Ctrl-C keeps a checkpoint and says how to go on; the same command ends with the bytes of a run that
# nobody stopped.
. "$TOP/tests/cli/train/make_rows"
make_rows 12000
frugal train train.yaml --quiet > /dev/null 2>&1 || exit $?
mv model.gguf whole.gguf
rm -r ckpt
set -m # background jobs would ignore SIGINT otherwise
frugal train train.yaml > /dev/null 2> told &
pid=$!
while [ ! -s ckpt/log.csv ] && kill -0 $pid 2> /dev/null; do sleep 0.02; done
kill -INT $pid 2> /dev/null
wait $pid && echo 'it was done before it could be stopped'
frugal train train.yaml --quiet > /dev/null 2>&1 || exit $?
cmp model.gguf whole.gguf && echo same
