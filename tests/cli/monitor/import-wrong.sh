# What is wrong is named, with the way out, and nothing is recorded.
try() { "$FRUGAL" monitor import --ledger l.db "$@"; echo "status $?"; }
printf 'timestamp,name\n2026/01/01 00:00:00,x\n' > noise.csv
printf '{"MetricDataResults": []}' > empty.json
printf '{"MetricDataRes' > cut.json
printf 'timestamp,power.draw\n2026/01/01 00:00:00,1 W\n2026/01/01 00:00:01,1 W\n' > good.csv
unset AWS_ACCESS_KEY_ID
try
try nowhere.csv
try noise.csv
try empty.json
try cut.json
try good.csv --tz Europe/Atlantis
try good.csv --accelerator Voodoo
try --cloudwatch AWS/EC2
AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_REGION=r try --cloudwatch AWS/EC2
"$FRUGAL" ledger list --ledger l.db
