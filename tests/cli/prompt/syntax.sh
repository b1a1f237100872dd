printf 'a\n{%% if x %%}\n  {{ x | nosuch }}\n{%% endfor %%}\n' > bad.jinja
"$FRUGAL" prompt render bad.jinja
