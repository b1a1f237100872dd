# the interrupt comes while it loads or generates

frugal generate -m "$FIXTURES/models/random.gguf" -p a -n 0 --temp 2 > text 2> log & pid=$!
kill -INT $pid; wait $pid; status=$?
# it either had ended already, or was stopped: never half a line of ledger, never another status
case $status in 0|130) echo fine ;; *) echo "status $status"; cat log ;; esac
