# Market-based, water, scopes and SCI for AI stand beside the location-based figure and change none of it.
command -v python3 > /dev/null || { echo "no python3 to read the report"; exit 77; }
"$FRUGAL" meter --json --report a.json --region aws:eu-west-1 --unit tokens=500 --sci-ai consumer -- true || exit 1
"$FRUGAL" meter --json --report b.json --zone FR --pue 1.5 --market 0 -- true || exit 1
"$FRUGAL" meter --json --report c.json -- true || exit 1
python3 - <<'EOF'
import json, math
near = lambda a, b: math.isclose(a, b, rel_tol=1e-5) or exit(f"{a} is not {b}")
for name in "abc":
    r = json.load(open(name + ".json")); a = r["account"]; kwh = r["energy_j"]["total"] / 3.6e6
    near(a["location"]["operational_g"], r["carbon_g"]["operational"])
    near(a["market"]["operational_g"], kwh * r["pue"] * a["market"]["intensity_g_per_kwh"])
    near(a["water_l"]["grid"], kwh * r["pue"] * a["water_l"]["grid_l_per_kwh"])
    near(a["embodied_g"]["value"], r["carbon_g"]["embodied"])
    assert a["embodied_g"]["low"] < a["embodied_g"]["value"] < a["embodied_g"]["high"]
    assert sum(v for k, v in a["scope_g"].items() if k.endswith("location")) > 0
    near(a["scope_g"]["scope2_location"] + a["scope_g"]["scope3_location"], r["carbon_g"]["total"])
    print(name, a["market"]["by"], a["scope_g"]["whose"], a["water_l"]["assumed"], a["scope_g"]["scope2_location"] == 0)
    assert any(x.startswith("networks") for x in r["left_out"]) and "cpu" in r["boundary"]
r = json.load(open("a.json"))
print(r["sci_ai"]["persona"], r["sci_ai"]["per"])
near(r["sci_ai"]["per_g"], r["carbon_g"]["total"] / 500 * 1e6)
EOF
"$FRUGAL" ledger verify > /dev/null && "$FRUGAL" ledger show last | grep -c "no contract or claim is known"
