mkdir -p docs/deep
printf '# Guide\n## Otter Bridge\nBuilt in 1706 of sandstone.\n## Cattle Bridge\nBuilt in 1745 of oak.\n' > docs/guide.md
printf '<title>Rain</title><style>x</style><p>It rains in the <b>north</b> of the valley.</p>' > docs/deep/rain.html
printf 'Z\374rich \366ffnet um neun.' > docs/latin.txt
echo 'no picture' > docs/a.png
"$FRUGAL" rag index docs -o d.index --analyzer en --quiet
"$FRUGAL" rag query d.index "when was the cattle bridge built?" -k 1 --quiet
"$FRUGAL" rag query d.index "NEAR(north rain) OR \"valley" --quiet
"$FRUGAL" rag query d.index "zurich" --json --quiet
"$FRUGAL" rag query d.index "nothing of that" --quiet
"$FRUGAL" rag info d.index
