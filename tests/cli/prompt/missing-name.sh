printf 'Hello\n  {nmae}' > ask.txt
"$FRUGAL" prompt render ask.txt --set name=Ada
