# What an experiment showed is advised with its evidence; where nothing was tried the rule is told as one.
. "$TOP/tests/cli/adapt/make_task"
cat > model.sh <<'END'
while read -r line; do
    case $line in
        *banana*'"temperature":0.9'*) echo '{"text": "yellow", "prompt_tokens": 9, "completion_tokens": 1}' ;;
        *cherry*'"temperature":0.9'*) echo '{"text": "red", "prompt_tokens": 9, "completion_tokens": 1}' ;;
        *) echo '{"text": "green", "prompt_tokens": 9, "completion_tokens": 1}' ;;
    esac
done
END
make_task . 'model: {endpoint: "command:sh model.sh", name: scripted}'
seq 200 320 | while read -r i; do echo "{\"input\": \"jar $i holds a cherry\", \"output\": \"red\"}"; done >> train.jsonl
frugal prompt advise task.yaml | head -n 4
printf 'experiment: heat\ntask: task.yaml\nvariants: [zero-shot]\nparameters: {temperature: [0, 0.9]}\nfinalists: 2\n' > e.yaml
frugal prompt run e.yaml --ledger l.db -q > /dev/null || exit 1
frugal prompt advise task.yaml | sed -n '2,3p' | sed 's/ on .*//'
frugal prompt advise .frugal/prompts | head -n 1
frugal prompt advise task.yaml --json | grep -A 3 '"recommended"'
