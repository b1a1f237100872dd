echo text > file; "$FRUGAL" meter -- ./file
