# A page for Prometheus on a free port; SIGTERM ends it cleanly, with a run in the ledger.
"$FRUGAL" monitor --listen 127.0.0.1:0 --interval 0.2 --zone FR --ledger l.db 2> said &
pid=$!
for _ in $(seq 100); do url=$(sed -n 's/^prometheus: \(http[^ ]*\) .*/\1/p' said); [ -n "$url" ] && break; sleep 0.1; done
[ -n "$url" ] || { kill $pid; grep -q libmicrohttpd said && { echo "no libmicrohttpd"; exit 77; }; cat said; exit 1; }
get() { # no curl needed
    port=${url#http://127.0.0.1:}; exec 3<> "/dev/tcp/127.0.0.1/${port%%/*}"
    printf 'GET %s HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nConnection: close\r\n\r\n' "$1" "$2" >&3
    tr -d '\r' <&3
}
for _ in $(seq 100); do get /metrics text/plain > plain; grep -q '^CPUUtilization' plain && break; sleep 0.1; done
get /metrics application/openmetrics-text > open
get /nothing text/plain > nothing
kill -TERM $pid; wait $pid; echo "status $?"
grep -c '^# EOF' plain; tail -n 1 open; head -n 1 nothing | cut -d' ' -f2
grep -h '^Content-Type' plain open
grep -q '^frugal_energy_joules_total{.*part="idle".*method=".*"} [0-9]' open || echo "no energy"
grep -q '^frugal_carbon_grams_total{zone="FR"' open || echo "no carbon"
for name in CPUUtilization MemoryUtilization DiskUtilization vcpu_usage memory_info frugal_monitor_cpu_seconds_total; do
    grep -q "^$name[{ ]" open || echo "no $name"
done
"$FRUGAL" ledger list --ledger l.db --json | grep -E '"(kind|status)"' | tr -d ' ,'
