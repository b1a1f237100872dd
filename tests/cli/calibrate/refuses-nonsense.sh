# Nothing is written: a curve that falls, what is no number, too few, and nobody to ask.
for wall in 50,40,60,70 12,13,14,nan 1,2,3 -1,2,3,4 1,2,3,4,5; do
    "$FRUGAL" calibrate --out curve.csv --wall "$wall" 2> said && exit 1
    [ ! -e curve.csv ] || exit 1
    head -n 1 said
done
echo "name,source" > own.csv
"$FRUGAL" calibrate --out own.csv --wall 1,2,3,4 2> said && exit 1
grep -q name,source own.csv
