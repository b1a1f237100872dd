# Account, business numbers, and before and after of a change, on the ledger's page.
frugal meter -q --zone FR -- true
frugal meter -q --zone FR -- true
frugal ledger change "the <b>batch</b> of 8" > /dev/null
frugal meter -q --zone FR -- true
frugal ledger unit orders=1200 > /dev/null
frugal report > /dev/null || exit 1
for words in 'The account' 'Electricity, market-based' 'Per unit of work' 'Before and after' 'the &lt;b&gt;batch' 'Used of what was provisioned'; do
    grep -c "$words" report.html
done
frugal ledger change | sed 's/^[0-9: -]*//; s/: [+-].*/: …/'
