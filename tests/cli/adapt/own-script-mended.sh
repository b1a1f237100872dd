# A rung of one's own is tried again when the script that its command names was mended, and kept when it was not: also
# where the build wrote a file that the answer names.
. "$TOP/tests/cli/adapt/make_task"
make_task t 'stop: never
strategies: [{name: mine, build: "cp answer.sh made.sh", answer: "sh $FRUGAL_TASK_DIR/made.sh"}]'
echo 'sed "s/.*/\"red\"/"' > t/answer.sh
score() { frugal adapt t/task.yaml --out out --ledger '' 2>&1 > /dev/null | grep -o -e 'accuracy [0-9.]*' -e 'kept from an earlier climb' -e 'warning.*'; }
score; score
echo 'sed "s/.*banana.*/\"yellow\"/; s/.*cherry.*/\"red\"/; s/.*spinach.*/\"green\"/"' > t/answer.sh
score; score
