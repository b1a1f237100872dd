# Every sensor of a recorded machine is told, and the command that grants what is refused.
"$FRUGAL" doctor --sysfs "$FIXTURES/meter/two-sockets/sys" --procfs "$FIXTURES/meter/two-sockets/proc"
