# an embedder that counts three kinds of words; a ranker that likes rivers
cat > embed.sh <<'E'
awk '{ s = $0; w = gsub(/river|water|rain/, "", s); t = gsub(/stone|rock|granite/, "", s); o = gsub(/oak|wood|timber/, "", s)
       printf "{\"embedding\": [%d, %d, %d, 0.1]}\n", w, t, o }'
E
cat > docs.jsonl <<'E'
{"_id": "bridge", "text": "The bridge is made of granite."}
{"_id": "ferry", "text": "A ferry crosses the river in any rain."}
{"_id": "hall", "text": "The hall has beams of oak."}
E
"$FRUGAL" rag index docs.jsonl -o d.index --embed "command:sh embed.sh" --quiet | head -n 1
"$FRUGAL" rag query d.index timber --quiet
"$FRUGAL" rag query d.index timber -k 1 --embed "command:sh embed.sh" --mode dense --quiet
"$FRUGAL" rag query d.index "granite bridge" -k 1 --embed "command:sh embed.sh" --json --quiet | grep -E '"(mode|id|source)"'
"$FRUGAL" rag query d.index "granite oak" -k 1 --embed "command:sh embed.sh" --quiet \
    --rerank "command:awk '{ print \"{\\\"score\\\": \" (index(\$0, \"river\") ? 5 : 1) \"}\" }'"
echo '{"_id": "tower", "text": "A tower of rock."}' | "$FRUGAL" rag add d.index - --embed "command:sh embed.sh"
"$FRUGAL" rag query d.index stone -k 2 --embed "command:sh embed.sh" --mode dense --quiet
mkdir -p qrels && printf 'query-id\tcorpus-id\tscore\nq\thall\t1\n' > q.tsv && echo '{"_id": "q", "text": "timber"}' > q.jsonl
for mode in lexical dense hybrid; do
    "$FRUGAL" rag eval d.index --queries q.jsonl --qrels q.tsv --embed "command:sh embed.sh" --mode $mode --quiet | grep nDCG
done
"$FRUGAL" rag query d.index x --embed "command:cat" ; echo $?
"$FRUGAL" rag query d.index x --mode dense; echo $?
"$FRUGAL" rag query d.index x --mode fuzzy; echo $?
"$FRUGAL" rag index docs.jsonl -o e.index --embed "command:sh embed.sh" --codes int7; echo $?
"$FRUGAL" rag query d.index x --embed none.gguf; echo $?
FRUGAL_OFFLINE=1 "$FRUGAL" rag query opensearch+http://127.0.0.1:9/handbook x; echo $?
FRUGAL_OFFLINE=1 "$FRUGAL" rag query postgresql://reader:secret@127.0.0.1/facts x; echo $?
AWS_ACCESS_KEY_ID='' AWS_SECRET_ACCESS_KEY='' "$FRUGAL" rag query kendra:eu-west-1/1234 x; echo $?
ls
