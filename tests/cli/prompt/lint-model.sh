# With a model: tokens by part, the cost of 1,000 requests, and examples that are left out in turn.
cat > few.json <<'J'
{"_type": "few_shot", "prefix": "", "suffix": "Passage: {passage}\nQuestion: {question}\nAnswer:", "input_variables": ["passage", "question"],
 "example_prompt": {"template": "Passage: {p}\nQuestion: {q}\nAnswer: {a}"},
 "examples": [{"p": "Nora lives in Pisa.", "q": "Where does Nora live?", "a": "Pisa"}, {"p": "The hat of Ben is pink.", "q": "What colour is the hat of Ben?", "a": "pink"}]}
J
"$FRUGAL" prompt lint few.json -m "$TOP/models/frugal-tiny.gguf" --data "$FIXTURES/prompt/padded/rows.jsonl" --rows 6 -t 1 --json > out.json; echo $?
grep -c '"example": [01],' out.json
for key in total instruction shots context input prompt_tokens energy_j cpu_s carbon_g gain ci_low verdict per_1000_requests quality; do grep -q "\"$key\"" out.json || echo "no $key"; done
"$FRUGAL" prompt lint few.json -m "$TOP/models/frugal-tiny.gguf" --data "$FIXTURES/prompt/padded/rows.jsonl" --rows 6 -t 1 -q | sed 's/[0-9.]\+/N/g' | head -6 | cut -d: -f1
# A context that no answer needs is told from one that they all do.
printf 'Passage: {facts}\nPassage: {passage}\nQuestion: {question}\nAnswer:' > two.txt
"$FRUGAL" prompt lint two.txt -m "$TOP/models/frugal-tiny.gguf" --data "$FIXTURES/prompt/padded/rows.jsonl" --rows 20 -t 1 --set facts="The road was long and the weather was fine." | grep without-gain | cut -d, -f1
