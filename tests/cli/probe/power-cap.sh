# Power limits of a recorded machine: set for each side, and as they were at the end, also after Ctrl-C.
zone=sys/class/powercap/intel-rapl:0
mkdir -p $zone "$zone:0"
echo package-0 > $zone/name; echo 1000000 > $zone/energy_uj; echo 262143328850 > $zone/max_energy_range_uj
echo 125000000 > $zone/constraint_0_power_limit_uw; echo core > $zone:0/name
"$FRUGAL" probe --trials 3 --sysfs sys --power-cap 100,60 -- sh -c "cat $zone/constraint_0_power_limit_uw >> seen" > /dev/null || exit 1
sort seen | uniq -c | sed 's/^ *//' | cut -d' ' -f2
cat $zone/constraint_0_power_limit_uw
"$FRUGAL" probe --sysfs sys --power-cap 100,60 -- sh -c ': > started; sleep 30' 2> said &
until [ -f started ]; do sleep 0.1; done
grep -x '100000000\|60000000' $zone/constraint_0_power_limit_uw > /dev/null || exit 1
kill -INT $!; wait $!
echo "$? $(cat $zone/constraint_0_power_limit_uw)"
"$FRUGAL" probe --sysfs "$PWD" --power-cap 1,2 -- true 2> said
echo "$? $(head -n 1 said | sed 's/below.*/below/')"
