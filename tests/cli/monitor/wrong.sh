# What can be known at once is said at once, with exit status 2 or 1, and nothing is begun.
try() { "$FRUGAL" monitor --ledger l.db "$@"; echo "status $?"; }
unset AWS_ACCESS_KEY_ID
try --cloudwatch put
try --cloudwatch smoke-signals
try --otlp collector
try --interval 0
try --for never
try --listen somewhere
try --file no/such/folder/day.jsonl
try --onec
try everything
