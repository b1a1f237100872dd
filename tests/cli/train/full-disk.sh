# What cannot be written is said, and nothing half-written stays.
. "$TOP/tests/cli/train/make_rows"
make_rows
sed -i 's#^out: .*#out: /dev/full/model.gguf#' train.yaml
frugal train train.yaml --quiet
code=$?
ls | grep -c part
exit $code
