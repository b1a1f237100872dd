# A CSV becomes a task; nothing is written over.
{ echo 'text,label'; for i in $(seq 200); do
    [ $((i % 2)) = 0 ] && echo "\"the ball, number $i, is round\",ball" || echo "\"a cube of $i corners\",cube"
done; } > things.csv
frugal adapt --init things.csv && frugal adapt things/task.yaml --ledger l.db | grep enough | cut -d: -f1 || exit 1
frugal adapt --init things.csv
