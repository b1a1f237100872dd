# A bias forbids what would have come; a heavy repetition penalty keeps a greedy text from going round.
m="$TOP/models/frugal-tiny.gguf"
ids() { frugal generate -m "$m" -p "Repeat: a a a a a a a" -n 12 --json --quiet --ledger l.db "$@" | tr -d ' \n' | sed 's/.*"ids":\[\([0-9,]*\)\].*/\1/'; }
plain=$(ids)
first=${plain%%,*}
forbidden=$(ids --logit-bias "$first=-inf")
case ",$forbidden," in *",$first,"*) echo "the forbidden token came" ;; *) echo "forbidden: gone" ;; esac
once=$(ids --repeat-penalty 900 --presence-penalty 5)
test "$(echo "$once" | tr , '\n' | sort | uniq -d | wc -l)" = 0 && echo "no token twice"
frugal generate -m "$m" -p x --logit-bias soup --ledger l.db; echo "status $?"
