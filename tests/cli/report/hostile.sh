# Names written to break a page or a terminal: nothing of them is markup, no figure is NaN.
frugal report "$FIXTURES/report/hostile.json" -o page.html > /dev/null || exit 1
grep -c '<script' page.html
grep -ciE '[^a-z](nan|inf|infinity)[^a-z]' page.html
grep -ciE '(src|href)="?(https?:)?//|url\(|@import' page.html
frugal report --text "$FIXTURES/report/hostile.json" | LC_ALL=C grep -c "$(printf '[\001-\010\013-\037]')"
exit 0
