printf 'score,license\n1,mit\n' > board.csv
frugal models import board.csv --catalog m.json
