printf '{%% macro f() %%}{{ f() }}{%% endmacro %%}{{ f() }}' > a.jinja
printf '{%% for i in range(99999) %%}{%% for j in range(99999) %%}{%% endfor %%}{%% endfor %%}' > b.jinja
printf '{%% set ns = namespace(s="xxxxxxxxxxxxxxxx") %%}{%% for i in range(99) %%}{%% set ns.s = ns.s + ns.s %%}{%% endfor %%}' > c.jinja
for t in a b c; do "$FRUGAL" prompt render $t.jinja; echo $?; done
