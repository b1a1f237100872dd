printf "the cat sat on the mat and then it sat on the other mat, until there was no mat left to sit on" > t
for w in 64 20 7; do frugal perplexity -m "$FIXTURES/models/random.gguf" -f t --window $w --json | grep tokens; done | uniq | wc -l
