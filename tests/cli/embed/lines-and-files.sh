# one row a line, the same bits in a file, for any batch and threads
printf 'hello, you.\nabc def\n' > texts
frugal embed -m "$FIXTURES/models/golden/bert.gguf" -f texts -t 1 --quiet | cut -d' ' -f1-3
frugal embed -m "$FIXTURES/models/golden/bert.gguf" -f texts -t 1 -b 1 --out one.f32 --quiet
frugal embed -m "$FIXTURES/models/golden/bert.gguf" -t 3 --out all.f32 --quiet < texts
wc -c < all.f32 # 2 texts of 32 numbers of 4 bytes
cmp one.f32 all.f32 && echo the same
