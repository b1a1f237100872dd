. "$TOP/tests/cli/train/make_rows"
make_rows
sed -i 's/^seed/sead/' train.yaml
frugal train train.yaml
