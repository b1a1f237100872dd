# A prompt's way: three versions with what they reached and took, tagged, compared, brought back.
export SOURCE_DATE_EPOCH=1790000000 FRUGAL_AUTHOR=ada
hash=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
printf '{"input": "a", "output": "b"}\n{"input": "c", "output": "d"}\n' > dev.jsonl
printf 'Please answer the question.\nQuestion: {q}\nAnswer:' > ask.txt
save() { "$FRUGAL" prompt save ask.txt -m $hash --task qa --temperature 0 --max-tokens 16 --metric exact-match --rows 100 --data dev.jsonl "$@"; }
first=$(save --value 0.5 --low 0.4 --high 0.6 --energy-j 10 --cpu-s 0.5 --tag live)
printf 'Question: {q}\nAnswer:' > ask.txt
save --value 0.7 --low 0.6 --high 0.78 --energy-j 5 --cpu-s 0.25 --message shorter > second
save --value 0.7 --low 0.6 --high 0.78 --energy-j 5 --cpu-s 0.25 | cmp - second
printf 'Q: {q}\nA:' > ask.txt
save --value 0.45 --low 0.3 --high 0.56 --energy-j 4 --cpu-s 0.2 > /dev/null
echo "# list"; "$FRUGAL" prompt list
echo "# log"; "$FRUGAL" prompt log ask
echo "# diff"; "$FRUGAL" prompt diff ask@live ask~1
echo "# best"; "$FRUGAL" prompt best -m $hash --task qa -q; echo
"$FRUGAL" prompt best -m $hash --task other; echo $?
"$FRUGAL" prompt best -m bbbb --task qa; echo $?
echo "# tag"; "$FRUGAL" prompt tag ask~1 live; "$FRUGAL" prompt show ask@live --text; echo
echo "# restore"; "$FRUGAL" prompt restore ask@live; echo $?
"$FRUGAL" prompt restore ask@live -o live.txt -q && cat live.txt; echo
"$FRUGAL" prompt restore ask@live --force -q && cmp ask.txt live.txt
echo "# export"; "$FRUGAL" prompt export -o all.jsonl -q; wc -l < all.jsonl
"$FRUGAL" prompt import all.jsonl --store other; "$FRUGAL" prompt import all.jsonl --store other
"$FRUGAL" prompt export --store other | cmp - all.jsonl
sed 's/shorter/longer/' all.jsonl > bad.jsonl; "$FRUGAL" prompt import bad.jsonl --store third 2>&1 | sed 's/[0-9a-f]\{64\}/ID/'; echo "${PIPESTATUS[0]}"
"$FRUGAL" prompt shwo ask; echo $?
"$FRUGAL" prompt show aks; echo $?
