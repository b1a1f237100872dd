"$FRUGAL" regions --near 0,-30 --max-km 100
