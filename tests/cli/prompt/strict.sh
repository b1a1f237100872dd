printf 'Hello {{ nmae }}' > ask.jinja
"$FRUGAL" prompt render ask.jinja --set name=Ada && echo . && "$FRUGAL" prompt render ask.jinja --set name=Ada --strict
