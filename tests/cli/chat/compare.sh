# two models answer the same; tokens/s, CPU-seconds, energy and CO2e stand side by side
m="$TOP/models/frugal-tiny.gguf"
printf 'What is the capital of Peru?\n/compare %s\n/compare off\nand of Chile?\n' "$TOP/tests/fixtures/models/random.gguf" |
    frugal chat -m "$m" -n 8 --quiet --ledger l.db | grep -aE '^--- |^  (  |tokens|tokens/s|CPU-seconds|energy|a token|CO2e)  ' | cut -c1-16
