printf "place: [FR\n" > frugal.yaml; frugal ledger list
