# in a terminal: one Ctrl-C at the prompt is a question, an answer comes, Ctrl-D ends it
command -v script > /dev/null || { echo "needs script(1)"; exit 77; }
m="$TOP/models/frugal-tiny.gguf"
shows() { for _ in $(seq 600); do grep -qas -- "$1" out && return; sleep 0.1; done; echo "never: $1"; exit 1; }
mkfifo keys
# what libedit keeps to its end is not ours
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
TERM=xterm script -qefc "frugal chat -m $m -n 5 --ledger l.db; echo status \$?" out < keys > /dev/null & pid=$!
exec 3> keys
shows 'help tells more'; shows '^> '; printf '\003' >&3
shows 'Ctrl-C again'; printf 'The hat?\n' >&3
shows 'answers so far'; printf '\004' >&3
shows 'status 0'
exec 3>&-; wait $pid
grep -aoE 'Ctrl-C again, Ctrl-D or /quit ends|frugal-tiny.gguf: [34] million parameters|^1 answers|status 0|5 tokens,' out | sort
