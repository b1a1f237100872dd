printf '{{ n }}\n' > ask.j2
"$FRUGAL" prompt render ask.j2 --set n=é --json
