#!/bin/sh
# Every file that a page of ours points to is there: pictures of the README, pages of the docs.
cd "$(dirname "$0")/../.." || exit 1
bad=0
for page in README.md CONTRIBUTING.md docs/*.md models/*.md models/recipe/*.md; do
    for link in $(grep -oE '\]\([^)#:]+\)' "$page" | sed -E 's/^\]\(//; s/\)$//'); do
        [ -e "$(dirname "$page")/$link" ] || { echo "$page points to $link, which is not there"; bad=1; }
    done
done
exit $bad
