printf 'Hello {name}, {{braces}} {price:>8.2f}|\n' > ask.txt
echo '{"price": 2.5}' | "$FRUGAL" prompt render ask.txt --vars - --set name=Ada
