. "$TOP/tests/cli/adapt/make_task"
make_task t 'strategys: [traditional]'
frugal adapt t/task.yaml
