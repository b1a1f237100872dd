printf 'Hello {name}, {{ok}}\n' > ask.txt
"$FRUGAL" prompt convert ask.txt ask.yaml && cat ask.yaml
"$FRUGAL" prompt convert ask.yaml ask.jinja && cat ask.jinja
"$FRUGAL" prompt convert ask.yaml - --to lc | tail -n 4; echo
"$FRUGAL" prompt render ask.jinja --set name=Ada
"$FRUGAL" prompt convert ask.jinja ask.yaml; echo $?
echo '{{ name | upper }}' > loud.jinja
"$FRUGAL" prompt convert loud.jinja loud.txt; echo $?
ls
