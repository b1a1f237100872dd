# A stage that is none is named, with those that are; nothing is printed as if all were well.
"$FRUGAL" audit --stage promts > out 2> said
[ $? = 2 ] && [ ! -s out ] && grep -q "no stage begins with 'promts'" said && grep -q 'framing, base model, prompts' said || exit 1
"$FRUGAL" audit --least 101 2> said
[ $? = 2 ] && grep -q 'least takes 0 to 100' said
