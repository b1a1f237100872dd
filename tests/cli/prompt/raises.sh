printf 'a\n{{ raise_exception("roles must alternate") }}' > bad.jinja
"$FRUGAL" prompt render bad.jinja
