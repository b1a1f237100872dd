printf 'date,orders\n2026-11-01,1200\n2026-11-02,lots\n' > m.csv
frugal ledger unit --csv m.csv
