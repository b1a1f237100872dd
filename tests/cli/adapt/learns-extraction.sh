# What the train rows ask for is learned: shops of which the general weights would name the street. The artefact answers with it,
# and without its file, or with a cut one, it says so.
mkdir -p t/docs
i=0
for name in Aldo Berta Cosmo Dora Egon Fanny Gero Hilda Ivo Julia Knut Lotte Milo Nelly Oskar Paula Rudi Sven Tilda Ulla Vera Willi Xenia Yvo Zita \
    Anton Bruno Carla Detlef Elsa Franz Gerda Hugo Inge Jonas Klara Ludwig Meta Norbert Olga Peer Rosa Selma Theo Uwe Viola Wanda Alma Bodo Cora \
    Dirk Edda Falk Gisa Heiner Ilse Jost Kuno Lena Max Nora Otto Pia Quint Rolf Sina; do
    set -- rye oat spelt maize barley
    shift $((i % 5)); sort=$1
    set -- teal ochre mauve ivory coral amber olive
    shift $((i % 7)); hue=$1
    echo "Since Monday $name bakes $sort beside Port Windle. The shop of $name looks $hue from Market Street." > "t/docs/$name.txt"
    file=train; [ "$i" -lt 46 ] || file=eval
    printf '{"input": "Which sort is it with %s?", "output": "%s"}\n{"input": "Which hue has %s?", "output": "%s"}\n' "$name" "$sort" "$name" "$hue" \
        >> "t/$file.jsonl"
    i=$((i + 1))
done
cat > t/task.yaml <<'Y'
task: bakeries
kind: answer
data: {train: train.jsonl, eval: eval.jsonl, documents: docs/}
metric: exact-match
target: 0.8
requests_per_day: 10
horizon_days: 30
strategies: [traditional]
Y
frugal adapt t/task.yaml --out out --ledger l.db 2> /dev/null | grep -o "^traditional is enough"
grep -c extractor.bin out/rungs/traditional/artifact.json
echo "Which hue has Sina?" | frugal adapt --answer out/rungs/traditional
head -c 500 out/rungs/traditional/extractor.bin > cut && cp cut out/rungs/traditional/extractor.bin
echo "Which hue has Sina?" | frugal adapt --answer out/rungs/traditional 2>&1
echo "cut: $?"
rm out/rungs/traditional/extractor.bin
echo "Which hue has Sina?" | frugal adapt --answer out/rungs/traditional 2>&1
echo "gone: $?"
