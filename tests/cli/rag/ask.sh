cat > rows.jsonl <<'E'
{"_id": "otter", "title": "Otter Bridge", "text": "Otter Bridge is in the east. It was built in 1706 by Ada Larch."}
{"_id": "cattle", "title": "Cattle Bridge", "text": "Cattle Bridge is of oak. It was built in 1745 by Tom Abbey."}
{"_id": "rain", "title": "Rain", "text": "It rains most in the north of the valley."}
E
"$FRUGAL" rag index rows.jsonl -o d.index --analyzer en --quiet > out.txt
"$FRUGAL" rag ask d.index "Who paid the orchestra at Heron Castle?" --quiet
"$FRUGAL" rag ask d.index "When was Cattle Bridge built?" --quiet | tail -n 1
# a model behind a command: it sees numbered passages and names one
cat > model.sh <<'E'
while read -r line; do
    case $line in *'[1] Cattle Bridge: Cattle Bridge is of oak.'*) printf '{"text": " 1745 [1]", "prompt_tokens": 50, "completion_tokens": 9}\n' ;;
    *) printf '{"text": "no"}\n' ;; esac
done
E
"$FRUGAL" rag ask d.index "When was Cattle Bridge built?" --endpoint "command:sh model.sh" --quiet
"$FRUGAL" rag ask d.index "Who paid the orchestra at Heron Castle?" --endpoint "command:echo never asked" --quiet
"$FRUGAL" rag ask d.index "When was Cattle Bridge built?" --endpoint "command:sh model.sh" --json --quiet |
    grep -E '"(answer|answered|n|source|prompt_tokens|search_j|generate_j|method)":' | sed 's/_j": [0-9.e-]*/_j": …/'
cat > qa.jsonl <<'E'
{"_id": "a", "question": "When was Cattle Bridge built?", "answers": ["1745", "in 1745"]}
{"_id": "b", "question": "Who paid the orchestra at Heron Castle?", "answers": []}
{"_id": "c", "question": "no answers are stated"}
E
"$FRUGAL" rag eval d.index --queries qa.jsonl --answers --endpoint "command:sh model.sh" --tune-build-j 1e9 --tuned-request-j 0 --quiet | sed 's/[0-9.e+-]* J (.*/…/;s/from .* questions/from … questions/'
"$FRUGAL" rag ask d.index "When?" -m none.gguf --endpoint http://x/v1; echo $?
