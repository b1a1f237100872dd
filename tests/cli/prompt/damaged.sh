printf 'one {q}' > a.txt; "$FRUGAL" prompt save a.txt > id; printf 'two {q}' > b.txt; "$FRUGAL" prompt save b.txt > /dev/null
sed -i 's/one/won/' .frugal/prompts/versions/$(cat id).json
"$FRUGAL" prompt list | cut -c1-20; "$FRUGAL" prompt list > /dev/null; echo $?
"$FRUGAL" prompt export > /dev/null; echo $?
printf 'one {q}' > a.txt; "$FRUGAL" prompt show b --text
