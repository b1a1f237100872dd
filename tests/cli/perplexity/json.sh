printf "the cat sat on the mat and then it sat on the other mat, until there was no mat left to sit on" > t
frugal perplexity -m "$FIXTURES/models/random.gguf" -f t --json
