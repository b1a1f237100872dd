# every refusal names the thing and the way out, and leaves no file
exec 2>&1
m=$FIXTURES/llama-golden/model.gguf
frugal quantize "$m"; echo $?
frugal quantize "$m" out.gguf q9; echo $?
frugal quantize no-such.gguf out.gguf q8_0; echo $?
cp "$m" same.gguf; frugal quantize same.gguf same.gguf q8_0; echo $?
frugal quantize "$m" no/folder/out.gguf q8_0 2>&1 | head -n 1; echo $?
echo hello > im; frugal quantize "$m" out.gguf q4_0 --imatrix im; echo $?
frugal quantize "$m" out.gguf q4_0 more; echo $?
frugal quantize "$m" out.gguf q4_0 --threads 0; echo $?
ls
