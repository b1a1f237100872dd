printf "placce: {zone: FR}\n" > frugal.yaml; frugal ledger list
