# A recorded tree that is not there is named by every command that reads one, and nothing is told of this machine.
for command in "doctor" "top --once" "monitor --once" "advise" "calibrate --wall 1,2,3,4" "probe --a true --b true"; do
    "$FRUGAL" $command --sysfs nowhere > out 2> said && exit 1
    grep -q "no folder 'nowhere'" said && [ ! -s out ] || { cat said; exit 1; }
done
