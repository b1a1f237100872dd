# Two groups of a recorded machine, a line each; the container by the name that docker wrote down.
cp -r "$FIXTURES/meter/two-sockets" machine
id=4f2ab5c0d1e24f2ab5c0d1e24f2ab5c0d1e24f2ab5c0d1e24f2ab5c0d1e2aabb
web=cg/system.slice/docker-$id.scope; job=cg/system.slice/slurmstepd.scope/job_42
mkdir -p $web $job var/lib/docker/containers/$id
echo "{\"Name\": \"/web\"}" > var/lib/docker/containers/$id/config.v2.json
for group in cg $web $job; do echo "usage_usec 5000000" > $group/cpu.stat; echo 1 > $group/cgroup.procs; done
(
    sleep 0.4
    echo "usage_usec 8000000" > $web/cpu.new; mv $web/cpu.new $web/cpu.stat
    echo "usage_usec 6000000" > $job/cpu.new; mv $job/cpu.new $job/cpu.stat
    printf 'cpu  1000 0 900 90000 0 0 0 0 0 0\nprocesses 100\n' > machine/new; mv machine/new machine/proc/stat
    sleep 0.4
    rm -r $web; : > $job/cgroup.procs
) &
"$FRUGAL" meter --sysfs machine/sys --procfs machine/proc --cgroupfs cg --var var --nvml none \
    --container web --slurm-job 42 2> said || exit 1
wait
sed -n 's/^  \(.*\) *[~0-9.]* .*J  *at work: \([0-9.]* CPU-seconds\).*/\1 \2/p' said | sed 's/  */ /g'
