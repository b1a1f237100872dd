# keys and values in each format they are kept in; another one is named
m="$TOP/models/frugal-tiny.gguf"
for kv in f32 f16 q8_0; do
    frugal generate -m "$m" -p "The capital of Peru" -n 6 --kv $kv -t 1 --quiet --ledger l.db > one
    frugal generate -m "$m" -p "The capital of Peru" -n 6 --kv $kv -t 2 --quiet --ledger l.db | cmp - one && echo "$kv"
done
frugal generate -m "$m" -p x --kv q3_k --ledger l.db
