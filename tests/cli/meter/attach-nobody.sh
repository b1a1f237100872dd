# Who is not there is named, with who is: a sleep, that a slip of the pen looks like.
sleep 30 & trap 'kill $!' EXIT
for wrong in "--pid 4194303" "--pid slep" "--container nosuch" "--cgroup nosuch/group" "--slurm-job 99" \
    "--pod nosuch" "--for 0 --pid $$" "--for soon --pid $$" "--pid 1 -- true" "--pid $$ --pid $$ --unit a=1" "--pid -3"; do
    # shellcheck disable=SC2086
    "$FRUGAL" meter $wrong 2> said
    echo "$? $(head -n 1 said | sed "s/^frugal meter: //; s/; called so.*//; s/ and no process.*//; s/below .*/below/")"
done
