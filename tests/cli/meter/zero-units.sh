"$FRUGAL" meter --unit answers=0 -- true
