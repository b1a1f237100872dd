# A figure that was changed by hand is named.
python3 -c 'import sqlite3' 2> /dev/null || { echo "no python3 with sqlite3 to tamper with"; exit 77; }
frugal meter -- sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done' 2> /dev/null
python3 -c 'import sqlite3, os; d = sqlite3.connect(os.environ["HOME"] + "/.local/share/frugal/ledger.db")
d.execute("UPDATE run SET energy_uj = energy_uj / 2"); d.commit()'
frugal ledger verify
