frugal logits -m "$FIXTURES/models/golden/t5.gguf" -p "HELLO" --answer AB --out all.f32; wc -c < all.f32 # 4 positions of 96 logits of 4 bytes
