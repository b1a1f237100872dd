# without a network nothing is asked, and the way out is told
export FRUGAL_OFFLINE=1
frugal models pull hf:owner/name/model.gguf 2>&1; echo $?
frugal models pull https://example.org/model.gguf --sha256 12 2>&1; echo $?
frugal models pull 2>&1; echo $?
find . "$HOME" -name '*.part*'
