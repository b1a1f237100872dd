# Scope 2 and 3, market-based and water are columns of the export; on one's own machine electricity is
# Scope 2, in a cloud all of it is Scope 3.
frugal meter -q --zone FR -- true
frugal meter -q --region aws:eu-west-1 -- true
frugal ledger export --format csv | python3 -c '
import csv, sys, math
own, cloud = csv.DictReader(sys.stdin)
f = lambda row, key: float(row[key])
near = lambda a, b: math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-15)
for r in (own, cloud):
    for way, operational in (("location", f(r, "operational_g")), ("market", f(r, "market_g"))):
        assert near(f(r, f"scope2_{way}_g") + f(r, f"scope3_{way}_g"), operational + f(r, "embodied_g")), r
assert near(f(own, "scope2_location_g"), f(own, "operational_g")) and near(f(own, "scope3_market_g"), f(own, "embodied_g"))
assert f(cloud, "scope2_location_g") == 0 and f(cloud, "market_g") == 0 < f(cloud, "operational_g")
assert f(cloud, "water_l") > 0 and own["hourly_g"] == "" == own["marginal_g"]'
