# A run is recorded with its command, without its secrets, and told back.
frugal meter --zone FR -- sh -c 'exit 3' --api-key S3CRET 2> /dev/null
frugal ledger show last
frugal ledger list
frugal ledger verify
frugal ledger show last --json | grep -c S3CRET
frugal ledger export --format csv | wc -l
exit 0
