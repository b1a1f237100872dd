#!/bin/sh
# Holds every #include of src/ against src/FLOORS: a room includes only its own files, doors of
# rooms that its row names, base, and the public headers. A door is a header without _priv.
cd "$(dirname "$0")/../.." || exit 1
awk '
    FILENAME == "src/FLOORS" {
        if ($0 !~ /^#/ && NF >= 2) {
            floor[$2] = $1
            for (i = 3; i <= NF; i++)
                may[$2, $i] = 1
        }
        next
    }
    FNR == 1 {
        split(FILENAME, part, "/")
        room = part[2]
        if (!(room in floor)) {
            print FILENAME ": the room " room " is not in src/FLOORS"
            bad++
        }
    }
    match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]+"/) {
        name = $0
        sub(/^[^"]*"/, "", name)
        sub(/".*/, "", name)
        if (split(name, to, "/") < 2 || !(to[1] in floor)) {
            if (name !~ /\.def$/ && name !~ /^generated\//) {
                print FILENAME ":" FNR ": " name " is not named from src/ on"
                bad++
            }
            next
        }
        if (to[1] == room || to[1] == "base")
            next
        if (!((room, to[1]) in may) && !((room, "*") in may)) {
            print FILENAME ":" FNR ": " room " (floor " floor[room] ") may not include " name
            bad++
        } else if (name ~ /_priv\.h$/) {
            print FILENAME ":" FNR ": " name " is private to its room"
            bad++
        } else if (floor[to[1]] >= floor[room]) {
            print FILENAME ":" FNR ": " name " is not on a lower floor than " room
            bad++
        }
    }
    END { exit bad > 0 }
' src/FLOORS $(git ls-files -co --exclude-standard 'src/*.c' 'src/*.h')
