# Usage errors name the thing.
try() { "$FRUGAL" top "$@"; echo "status $?"; }
try --interval 0.01
try --rows -3
try htop
try --sysfs no/such/folder
try --gruops
