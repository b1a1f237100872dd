. "$TOP/tests/cli/adapt/make_task"
make_task t "models: [tiny.gguf]"
cp "$TOP/models/frugal-tiny.gguf" t/tiny.gguf
frugal models evaluate missing.gguf t/task.yaml
frugal models evaluate t/task.yaml --measure 0.05 --robust-rows 0 --threads 1
