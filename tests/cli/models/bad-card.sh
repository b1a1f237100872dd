printf -- '---\nlicense: [a, b\nlanguage: *x\n---\n' > README.md
frugal models import README.md --catalog m.json
