# What is wrong is said before anything is marked, whether or not anybody meters.
for wrong in "" "a b" "--end --next a" "--next" "a --work tokens" "a --work tokens=many" "a --quality =1" "a --work n=nan"; do
    # shellcheck disable=SC2086
    "$FRUGAL" mark $wrong 2> said
    echo "$? $(head -n 1 said)"
done
