# Facts that are asked for are missed when they go: gentler rates are tried. What must stay stays.
m="$TOP/models/frugal-tiny.gguf"
printf 'Passage: Mira lives in Bergen. Oskar lives in Lyon. Lena lives in Porto. Hugo lives in Graz.\nQuestion: {question}\nAnswer:' > facts.txt
for pair in Mira:Bergen Oskar:Lyon Lena:Porto Hugo:Graz; do echo "{\"question\": \"Where does ${pair%:*} live?\", \"output\": \"${pair#*:}\"}"; done > rows.jsonl
for i in 1 2 3; do cat rows.jsonl; done > dev.jsonl
"$FRUGAL" prompt compress facts.txt -m $m --rate 0.5 --data dev.jsonl -t 1 -o short.txt -q; echo "status $?"; cmp short.txt facts.txt && echo "nothing was dropped"
echo 'In 1999 there were perhaps some 42 of them, and not one of them was ever really seen again by anybody.' > text.txt
"$FRUGAL" prompt compress - -m $m --rate 0.6 --keep numbers --keep "not one" -t 1 -q < text.txt > out.txt; echo "status $?"
grep -o '1999\|42\|not one\|really' out.txt
"$FRUGAL" prompt compress facts.txt -m $m --rate 2; echo "status $?"
"$FRUGAL" prompt compress facts.txt -m $m --keep labels; echo "status $?"
"$FRUGAL" prompt compress facts.txt -m none.gguf; echo "status $?"
