cat > ask.json <<'J'
{"_type": "prompt", "input_variables": ["question", "langauge"], "partial_variables": {"tone": "short", "nothing": "x"},
 "template": "Please answer in a {tone} way.\nUse the facts that are given below and nothing else.\nUse the facts that are given below and nothing else!\n{context}\nQuestion: {question}\nAnswer: "}
J
"$FRUGAL" prompt lint ask.json; echo "status $?"
printf 'Question: {question}\nAnswer:' > ask.txt
"$FRUGAL" prompt lint ask.txt --strict --set question=why; echo "status $?"
"$FRUGAL" prompt lint ask.json --strict > /dev/null; echo "status $?"
"$FRUGAL" prompt lint ask.txt --json --set question="Why is that so and not otherwise?" | head -18
