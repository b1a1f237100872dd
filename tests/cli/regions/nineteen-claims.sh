# 19 regions of AWS were matched with renewable energy in 2022; the claim changes no rank.
"$FRUGAL" regions --provider aws --json > all.json
grep -c '"renewable_matched": true' all.json
grep '"intensity_g_per_kwh"' all.json | sed 's/[^0-9.]//g' > order
sort -n -c order && echo sorted
