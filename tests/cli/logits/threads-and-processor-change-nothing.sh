frugal logits -m "$FIXTURES/llama-golden/model.gguf" -p "once upon a time" -t 1 --out one.f32 > one
frugal logits -m "$FIXTURES/llama-golden/model.gguf" -p "once upon a time" -t 4 --out four.f32 > four
FRUGAL_KERNELS=scalar frugal logits -m "$FIXTURES/llama-golden/model.gguf" -p "once upon a time" --out scalar.f32 > scalar
cmp one.f32 four.f32 && cmp one.f32 scalar.f32 && cmp one four && echo the same
