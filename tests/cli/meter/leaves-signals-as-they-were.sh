# A broken pipe still ends the program, and one that ignores HUP from birth still does.
"$FRUGAL" meter -q -- sh -c 'grep SigIgn /proc/self/status' > default
(trap '' HUP; "$FRUGAL" meter -q -- sh -c 'grep SigIgn /proc/self/status' > hup)
sh -c 'grep SigIgn /proc/self/status' > wanted
(trap '' HUP; sh -c 'grep SigIgn /proc/self/status' > hup-wanted)
cmp default wanted && cmp hup hup-wanted
