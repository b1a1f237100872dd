frugal logits -m "$FIXTURES/models/random.gguf" -p "the cat" --out all.f32 > shown
head -n 1 shown
wc -c < all.f32 # 6 tokens of 276 logits of 4 bytes
