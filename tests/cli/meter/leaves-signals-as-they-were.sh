# A broken pipe still ends the program, and one that ignores HUP from birth still does.
mask='grep SigIgn /proc/self/status'
"$FRUGAL" meter -q -- sh -c "$mask" > default || echo "meter ended with $?" >&2
(trap '' HUP; "$FRUGAL" meter -q -- sh -c "$mask" > hup)
sh -c "$mask" > wanted
(trap '' HUP; sh -c "$mask" > hup-wanted)
diff default wanted >&2 && diff hup hup-wanted >&2
