# a small model in eight bits, and one whose rows do not fill the blocks that are asked for
frugal quantize "$FIXTURES/llama-golden/model.gguf" q8.gguf q8_0 --quiet | grep -v took
frugal quantize "$FIXTURES/llama-golden/model.gguf" q4.gguf Q4_K --tensors | grep -v took
frugal inspect q4.gguf | grep -E 'Q[0-9]_|file_type|quantization_version|general.name'
frugal logits -m q8.gguf -p "abc" | tail -n 1 | wc -l
ls
