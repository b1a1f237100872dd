# A captured log of two GPUs over the hour that comes twice in Paris: energy as Python integrates it, runs
# at their true times, known the second time, and a ledger that verifies.
command -v python3 > /dev/null || { echo "no python3 to make the log"; exit 77; }
[ -e /usr/share/zoneinfo/Europe/Paris ] || { echo "no time zones on this machine"; exit 77; }
python3 - <<'EOF'
import datetime, json, random
rng, utc = random.Random(1), datetime.timezone.utc
t0 = datetime.datetime(2026, 10, 25, 0, 30, tzinfo=utc)
turn = datetime.datetime(2026, 10, 25, 1, 0, tzinfo=utc)   # 03:00 CEST becomes 02:00 CET
energy, last, out = [0.0, 0.0], [None, None], open("gpus.csv", "w")
out.write("timestamp, index, name, utilization.gpu [%], power.draw [W]\n")
for i in range(360):
    for g in range(2):
        t = t0 + datetime.timedelta(seconds=20 * i)
        local = t + datetime.timedelta(hours=2 if t < turn else 1)
        u = 0 if i % 3 == 0 else rng.randint(40, 95)
        w = round(50 + 3 * u + rng.random(), 2)
        out.write(local.strftime("%Y/%m/%d %H:%M:%S.000") + f", {g}, NVIDIA A10G, {u} %, {w:.2f} W\n")
        if last[g] is not None:
            energy[g] += (last[g] + w) / 2 * 20
        last[g] = w
out.write("2026/10/25 03:3")
json.dump(energy, open("truth.json", "w"))
EOF
"$FRUGAL" monitor import gpus.csv --tz Europe/Paris --zone FR --ledger l.db --json > one.json 2> said || { cat said; exit 1; }
cat said
"$FRUGAL" monitor import gpus.csv --tz Europe/Paris --zone FR --ledger l.db 2> /dev/null | tail -n 1
python3 - <<'EOF'
import json
r, truth = json.load(open("one.json")), json.load(open("truth.json"))
assert r["schema"] == 1 and r["recorded"] == 2 and r["known_already"] == 0
for run, joules in zip(r["runs"], truth):
    assert abs(run["energy_j"] - joules) < 1e-6 * joules, (run["energy_j"], joules)
    assert (run["from"], run["to"], run["method"]) == ("2026-10-25T00:30:00Z", "2026-10-25T02:29:40Z", "measured"), run
    assert abs(sum(run["utilization_share"]) - 1) < 1e-9
print("ok")
EOF
"$FRUGAL" ledger verify --ledger l.db
