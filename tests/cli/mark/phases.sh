# A script tells its phases; the report and the ledger have them, and its exit status is its own.
cat > job <<'EOF'
frugal mark load
frugal mark train --next
for i in 1 2; do
    frugal mark "step one"
    frugal mark --work tokens=100
    frugal mark "step one" --end --work tokens=20 --quality accuracy=0.$i
done
frugal mark --end
frugal mark nobody --end
exit 4
EOF
"$FRUGAL" meter --json --report used.json -- sh job
[ $? = 4 ] || exit 1
"$FRUGAL" ledger verify > said || exit 1
cat said
sed -n 's/^ *"\(path\|times\|tokens\|accuracy\|taken\|unbalanced\|malformed\)": \(".*"\|[0-9]*\|[0-9]*[.]0\|0[.][1-9]\),*$/\1 \2/p' used.json
