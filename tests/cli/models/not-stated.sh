# What a card does not say is "not stated", and fits no condition unless asked for.
mkdir bell; printf -- '---\ntags: [quiet]\n---\n' > bell/README.md
frugal models import bell/README.md --catalog m.json
frugal models show bell --catalog m.json
frugal models list --name bell --license mit --catalog m.json
frugal models list --name bell --license mit --unknown --catalog m.json | head -2
