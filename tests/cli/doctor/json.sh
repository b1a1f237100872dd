"$FRUGAL" doctor --json | grep -o '"schema": 1\|"sensors"\|"kernels"\|"libraries"\|"ledger"' | sort
