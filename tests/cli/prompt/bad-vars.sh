echo '{{ n }}' > ask.jinja; echo '{"n": 1,}' > vars.json
"$FRUGAL" prompt render ask.jinja --vars vars.json
"$FRUGAL" prompt render ask.jinja --vars none.json
"$FRUGAL" prompt render none.jinja
"$FRUGAL" prompt rendr ask.jinja
"$FRUGAL" prompt render
