frugal quantize "$FIXTURES/llama-golden/model.gguf" out.gguf q5_1 --output-type f16 --json | grep -E '"(schema|type|output_type|tensor_bytes_before|tensor_bytes|unused_importances)"'
