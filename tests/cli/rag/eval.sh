mkdir -p beir/qrels
cat > beir/corpus.jsonl <<'E'
{"_id": "d1", "title": "Bridges", "text": "Otter Bridge was built of sandstone."}
{"_id": "d2", "title": "", "text": "Cattle Bridge was built of oak."}
{"_id": "d3", "title": "Weather", "text": "Rain falls in the north."}
{"_id": "d4", "title": "", "text": "Nothing of the kind."}
E
cat > beir/queries.jsonl <<'E'
{"_id": "q1", "text": "which bridge is of sandstone?"}
{"_id": "q2", "text": "rain"}
{"_id": "q3", "text": "zebras"}
{"_id": "q4", "text": "not judged"}
E
printf 'query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t1\nq2\td2\t1\nq3\td4\t1\n' > beir/qrels/test.tsv
"$FRUGAL" rag eval beir -k 2 -o our.run --quiet
cut -d' ' -f1-4,6 our.run
sed 1d beir/qrels/test.tsv | sed 's/\t/ 0 /;s/\t/ /' > trec.qrels
"$FRUGAL" rag eval --run our.run --qrels trec.qrels --quiet | head -n 4
"$FRUGAL" rag index beir -o b.index --quiet > out.txt
"$FRUGAL" rag eval b.index --queries beir/queries.jsonl --qrels trec.qrels -k 2 --json --quiet | grep -E 'queries|_at_|map'
"$FRUGAL" rag eval b.index --queries beir/queries.jsonl; echo $?
"$FRUGAL" rag eval b.index --queries beir/queries.jsonl --qrels beir/queries.jsonl; echo $?
ls
