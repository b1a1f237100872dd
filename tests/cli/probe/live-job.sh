# A job that runs: a knob of the user's makes it work at half speed; work done is counted by a command.
# Windows that follow each other are the trials, and the job is left alone otherwise.
command -v python3 > /dev/null || { echo "no python3"; exit 77; }
echo 1 > knob
cat > job.py <<'EOF'
import time
done = 0
while True:
    spins = 20000
    for _ in range(spins * int(open("knob").read() or 1)):
        pass
    done += 1
    open("done.new", "w").write(str(done)); __import__("os").rename("done.new", "done")
EOF
python3 job.py & job=$!
until [ -s done ]; do sleep 0.1; done
"$FRUGAL" probe --pid $job --a 'echo 1 > k; mv k knob' --b 'echo 8 > k; mv k knob' --work 'cat done' \
    --window 300ms --settle 50ms --trials 3 --json > out.json || { kill $job; exit 1; }
kill -0 $job || exit 1
kill $job
python3 - <<'EOF'
import json
f = json.load(open("out.json"))["figures"]
assert f["work_per_s"]["a"] > 2 * f["work_per_s"]["b"], f
EOF
