# The evidence in one file, that tar and openssl read, too; a changed digit is named.
command -v openssl > /dev/null || { echo "no openssl to make a key"; exit 77; }
openssl genpkey -algorithm ed25519 -out key.pem 2> /dev/null && openssl pkey -in key.pem -pubout -out key.pub
frugal meter -q --zone FR -- true
frugal meter -q --zone SE -- true
frugal ledger export --bundle evidence.tar --key key.pem | sed 's/[0-9]* KiB/N KiB/'
frugal ledger verify evidence.tar --key key.pub | tail -n 1
tar xf evidence.tar && openssl pkeyutl -verify -pubin -inkey key.pub -rawin -in manifest.json -sigfile manifest.sig
sed 's/"sha256": "./"sha256": "g/' evidence.tar > forged.tar
frugal ledger verify forged.tar | grep -c 'SHA-256\|does not hold'
frugal ledger export --bundle one.tar --run last | sed 's/[0-9]* KiB/N KiB/'
frugal ledger verify one.tar --json | grep '"signed"\|"wrong"'
frugal ledger verify key.pub; echo $?
