"$FRUGAL" meter -- no-such-program-here
