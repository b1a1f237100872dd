# every refusal names the thing and the way out, and leaves no file
exec 2>&1
m=$FIXTURES/models/hf-llama
frugal convert "$m"; echo $?
frugal convert "$m" out.gguf --type q9; echo $?
frugal convert no-such out.gguf; echo $?
mkdir empty; frugal convert empty out.gguf; echo $?
echo '{"model_type":"llama"}' > empty/config.json; frugal convert empty out.gguf; echo $?
touch empty/pytorch_model.bin; frugal convert empty out.gguf; echo $?
echo hello > empty/model.safetensors; frugal convert empty out.gguf; echo $?
cp -r "$m" cut; head -c 20000 "$m/model-00001-of-00002.safetensors" > cut/model-00001-of-00002.safetensors
frugal convert cut out.gguf; echo $?
echo '{"model_type":' > cut/config.json; frugal convert cut out.gguf; echo $?
cp -r "$m" words; echo '{"model":{"type":"WordLevel","vocab":{"a":0}}}' > words/tokenizer.json
frugal convert words out.gguf; echo $?
frugal convert "$m" no/folder/out.gguf 2>&1 | head -n 1
ls
