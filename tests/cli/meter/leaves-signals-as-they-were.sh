# A broken pipe still ends the program, and one that ignores HUP from birth still does. Signals from
# 32 on are the C library's and a sanitizer's own matter.
ignored='m=$(sed -n "s/^SigIgn:[[:space:]]*//p" /proc/self/status); echo $((0x$m & 0x7fffffff))'
"$FRUGAL" meter -q -- sh -c "$ignored" > default || echo "meter ended with $?" >&2
(trap '' HUP; "$FRUGAL" meter -q -- sh -c "$ignored" > hup)
sh -c "$ignored" > wanted
(trap '' HUP; sh -c "$ignored" > hup-wanted)
[ "$(($(cat hup-wanted) & 1))" = 1 ] && diff default wanted >&2 && diff hup hup-wanted >&2
