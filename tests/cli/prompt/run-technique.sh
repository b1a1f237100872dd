. "$TOP/tests/cli/adapt/make_task"
make_task . 'model: {endpoint: "command:true", name: x}'
printf 'experiment: x\ntask: task.yaml\nvariants:\n  - few-shots\n' > e.yaml
frugal prompt run e.yaml
