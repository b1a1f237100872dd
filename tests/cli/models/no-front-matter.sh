echo '# just a title' > README.md
frugal models import README.md --catalog m.json
