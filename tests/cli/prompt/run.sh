# An experiment with a command for a model: the planted prompt wins, eval confirms it, a second run asks nothing.
. "$TOP/tests/cli/adapt/make_task"
cat > model.sh <<'END'
while read -r line; do
    echo x >> calls
    case $line in
        *'What colour'*banana*) echo '{"text": "yellow", "prompt_tokens": 9, "completion_tokens": 1}' ;;
        *'What colour'*cherry*) echo '{"text": "red", "prompt_tokens": 9, "completion_tokens": 1}' ;;
        *) echo '{"text": "green", "prompt_tokens": 12, "completion_tokens": 1}' ;;
    esac
done
END
make_task . 'model: {endpoint: "command:sh model.sh", name: scripted}'
echo 'What colour? {{ input }}' > planted.jinja
cat > experiment.yaml <<'END'
experiment: fruit
task: task.yaml
variants: [zero-shot, {technique: few-shot, shots: [1, 2]}, {prompt: planted.jinja}]
rows: 9
END
frugal prompt run experiment.yaml --ledger l.db > told || { cat told; exit 1; }
grep -q '^\* planted  *1.000' told && grep -q '^planted reaches the target on dev' told || { cat told; exit 1; }
grep -q '^on 40 eval rows, read once: accuracy 1.000 .*: target met' told || { cat told; exit 1; }
n=$(wc -l < calls)
frugal prompt run experiment.yaml --ledger l.db --json > again.json || exit 1
frugal prompt run experiment.yaml --ledger l.db --json -o elsewhere > third.json || exit 1
[ "$(wc -l < calls)" = "$n" ] || { echo "asked again"; exit 1; }
grep -q '"calls": 0' again.json && grep -q '"calls": 0' third.json && grep -q '"schema": 1' third.json || { cat again.json; exit 1; }
test -s experiments/fruit/report.html && grep -q '<svg' experiments/fruit/report.html && cat experiments/fruit/best/prompt.txt
frugal ledger list --ledger l.db --json | grep -c '"kind": "prompt"'
