# Many labels are still labels when each stands for many rows; answers that rarely repeat are not.
for i in $(seq 800); do echo "{\"input\": \"message $i about thing $((i % 80))\", \"output\": \"desk $((i % 80))\"}"; done > desks.jsonl
for i in $(seq 300); do echo "{\"input\": \"what is twice $i\", \"output\": \"$((i * 2))\"}"; done > sums.jsonl
frugal adapt --init desks.jsonl --ledger l.db > said && grep -o '^kind: [a-z]*' desks/task.yaml
frugal adapt --init sums.jsonl --ledger l.db > said && grep -o '^kind: [a-z]*' sums/task.yaml
frugal adapt sums/task.yaml --ledger l.db 2>&1 | grep -o 'no rung could be tried: name a model'
# Of seventy rows thirty are tested on: with a quarter of them no target could ever be met or missed.
for i in $(seq 70); do echo "{\"input\": \"note $i of kind $((i % 2))\", \"output\": \"kind $((i % 2))\"}"; done > notes.jsonl
frugal adapt --init notes.jsonl | head -n 1
