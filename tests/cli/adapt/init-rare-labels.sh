# What --init splits can be climbed as it is: of a label the last row is learnt from, not tested on, and rows of one
# input stand in one half, so that nothing has to be set aside.
{ echo 'text;label'; for i in $(seq 120); do
    echo "order $i is late;post"; echo "card $i is blocked;bank"; echo "Order  $((i % 40)) is LATE;post"
done; for i in $(seq 12); do echo "once only $i;rare-$i"; done; } > mail.csv
frugal adapt --init mail.csv > said || exit 1
grep -o '^kind: [a-z]*' mail/task.yaml
cut -d'"' -f8 mail/eval.jsonl | sort | uniq -c | grep -c rare
frugal adapt mail/task.yaml --ledger l.db 2>&1 > verdict.txt | grep -e leak -e label
grep -o '^traditional is enough' verdict.txt
# nothing to learn, and nothing to test on
{ echo text,label; seq -f 'letter %g,spam' 20; } > spam.csv
frugal adapt --init spam.csv; echo "exit status $?"
{ echo text,label; for i in 1 2 3 4 5; do echo hello,a; echo there,b; done; } > two.csv
frugal adapt --init two.csv; echo "exit status $?"
test ! -e spam && test ! -e two && echo nothing is left behind
