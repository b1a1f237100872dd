frugal logits -p hello
