# behind a long text, as a table for people; what does not fit is said with both numbers
m="$TOP/models/frugal-tiny.gguf"
frugal bench -m "$m" -p 8 -n 4 -r 1 -d 100 --ledger l.db
frugal bench -m "$m" -p 8 -n 4 -r 1 -d 1020 --ledger l.db
