frugal --man; for c in $(frugal --commands); do frugal --man $c | head -n 1; done
