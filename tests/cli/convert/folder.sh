# a folder in shards becomes one file that frugal answers from; another type; what --json says
frugal convert "$FIXTURES/models/hf-llama" llama.gguf --quiet | grep -v took
frugal inspect llama.gguf | grep -E 'general|llama\.|ggml.(model|pre)|chat_template|token_embd|rope_freqs|attn_q.weight'
frugal convert "$FIXTURES/models/hf-gpt2" gpt2.gguf --type q8_0 --tensors --quiet | grep -E 'blk.0|gguf:|tokens'
frugal convert "$FIXTURES/models/hf-gpt2/" named.gguf --name mine --json | grep -E '"(schema|model_type|architecture|tokenizer|type|files|params|vocab_tokens|tensor_bytes)"' | head -n 10
frugal logits -m llama.gguf -p "abc" | head -n 2
frugal tokenize -m "$FIXTURES/models/hf-gpt2" -p "ab<s>c" --no-special --json
ls
