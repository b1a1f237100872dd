"$FRUGAL" regions --within XX
