frugal quantize "$FIXTURES/llama-golden/model.gguf" q8.gguf q8_0 --quiet > before
frugal quantize q8.gguf q4.gguf q4_0 && exit 9
ls
frugal quantize q8.gguf q4.gguf q4_0 --requantize --quiet | head -n 1
