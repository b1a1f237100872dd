# commands of a conversation: files, settings, another answer; what is wrong is said and the conversation goes on
m="$TOP/models/frugal-tiny.gguf"
{
    echo '/set temp 0'; echo '/set warmth 3'; echo '/set top-p 7'; echo '/bake'; echo '/retry'
    echo 'The hat is \'; echo 'red.'; echo '/save talk.json'; echo '/retry'
    echo '"""'; echo 'many'; echo '  lines"""'; echo '//not a command'; echo '/save all.json'
    echo '/reset'; echo '/load talk.json'; echo '/load nothing.json'; echo '/save again.json'; echo '/quit'; echo 'not reached'
} | frugal chat -m "$m" -n 5 --ledger l.db > out 2> log
echo "status $?, $(grep -cE '^\[[0-9]+ tokens' log) answers"
grep -vE '^\[[0-9]+ tokens|^[0-9]+ answers' log
grep -c '"The hat is \\nred."' talk.json
grep -cE '"many\\n  lines"|"/not a command"' all.json
cmp talk.json again.json && echo same
