printf '{"_id": "otter", "text": "Otter Bridge of stone", "kind": "bridge"}\n' > rows.jsonl
"$FRUGAL" rag index rows.jsonl -o d.index --quiet
printf '{"_id": "cattle", "text": "Cattle Bridge of oak", "kind": "bridge"}\n{"_id": "ridge", "text": "A ridge road", "kind": "road"}\n' |
    "$FRUGAL" rag add d.index - --batch 1 --quiet
printf '{"_id": "otter", "text": "Otter Bridge, rebuilt", "kind": "bridge"}\n' | "$FRUGAL" rag add d.index - --quiet
"$FRUGAL" rag query d.index "bridge or road" --filter kind=road --quiet | head -n 2
"$FRUGAL" rag query d.index "stone" --quiet
"$FRUGAL" rag remove d.index cattle otter
"$FRUGAL" rag info d.index --json
ls
"$FRUGAL" rag remove d.index ridge nobody; echo $?
"$FRUGAL" rag query d.index road --quiet | tail -n 1
cat rows.jsonl rows.jsonl > twice.jsonl
"$FRUGAL" rag index twice.jsonl -o twice.index; echo $?
"$FRUGAL" rag add d.index rows.jsonl --analyzer de; echo $?
"$FRUGAL" rag add none.index rows.jsonl; echo $?
"$FRUGAL" rag query rows.jsonl x; echo $?
"$FRUGAL" rag query . x; echo $?
"$FRUGAL" rag index rows.jsonl -o d.index --analyzer klingon; echo $?
ls
