# Eighty columns hold every line, with and without UTF-8 (bytes that go on a character are dropped).
for lang in C.UTF-8 C; do
    LANG=$lang frugal report --text "$FIXTURES/report/questions.json" > table || exit 1
    LC_ALL=C tr -d '\200-\277' < table | LC_ALL=C awk '{ if (length($0) > 80) print length($0) ": " $0 }'
done
LC_ALL=C grep -c "$(printf '[\200-\377]')" table
exit 0
