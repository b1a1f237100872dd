for threads in 1 2 3; do
    frugal generate -q -m "$FIXTURES/models/random.gguf" -p "one" -n 40 --temp 1.1 --top-k 50 --top-p 0.95 --seed 9 -t $threads
done | uniq | wc -l
