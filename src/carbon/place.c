#include "carbon/carbon.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/doc.h"
#include "base/mem.h"
#include "tables/tables.h"

static const char *cell(const fr_table *t, size_t row, const char *column)
{
    return fr_table_text(t, row, fr_table_column(t, column));
}

static double number(const fr_table *t, size_t row, const char *column, double otherwise)
{
    double value;
    return fr_table_f64(t, row, fr_table_column(t, column), &value) ? value : otherwise;
}

/* "Did you mean 'X'?" from a column, for a name that is not in it. */
static void suggest(const fr_table *t, const char *column, const char *name, const char *otherwise,
                    char *hint, size_t size)
{
    size_t n = fr_table_n_rows(t), c = fr_table_column(t, column);
    const char **valid = FR_NEW_N(const char *, n + 1);
    for (size_t r = 0; r < n; r++)
        valid[r] = fr_table_text(t, r, c);
    char upper[64];
    snprintf(upper, sizeof upper, "%s", name);
    const char *near = fr_nearest(upper, valid);
    if (near != NULL)
        snprintf(hint, size, "Did you mean '%s'?", near);
    else
        snprintf(hint, size, "%s", otherwise);
    free(valid);
}

/* Of a country or group by its name; the two-letter code rather than the three-letter one. */
static bool find_name(const fr_table *grid, const char *name, size_t *row)
{
    bool found = false;
    for (size_t r = 0; r < fr_table_n_rows(grid); r++) {
        if (strcasecmp(cell(grid, r, "name"), name) != 0 || *name == '\0')
            continue;
        if (!found || strlen(cell(grid, r, "zone")) == 2)
            *row = r;
        found = true;
    }
    return found;
}

static int take_zone(const char *zone, fr_place *out, fr_err *err)
{
    const fr_table *grid = fr_table_find("grid");
    size_t row;
    if (!fr_table_lookup(grid, "zone", zone, &row)) {
        char hint[192];
        if (find_name(grid, zone, &row)) /* "France"; "Georgia" may be two places, so it is asked */
            snprintf(hint, sizeof hint, "Did you mean '%s'?", cell(grid, row, "zone"));
        else
            suggest(grid, "zone", zone, "Zones are codes as FR, US-CAL-CISO, EU or world.", hint,
                    sizeof hint);
        return fr_fail(err, FR_E_USAGE, hint, "no grid zone is called '%s'", zone);
    }
    double range = fr_constant_of("grid_range_ratio").high;
    out->zone = strcasecmp(zone, "world") == 0 ? "world" : cell(grid, row, "zone");
    out->intensity_g_per_kwh = number(grid, row, "intensity_g_per_kwh", NAN);
    out->intensity_low = out->intensity_g_per_kwh * (1 - range);
    out->intensity_high = out->intensity_g_per_kwh * (1 + range);
    out->basis = cell(grid, row, "basis");
    out->year = (int)number(grid, row, "year", 0);
    out->source = cell(grid, row, "source");
    const char *country = cell(grid, row, "country");
    if (out->country == NULL && *country != '\0')
        out->country = country;
    if (isnan(out->intensity_g_per_kwh))
        return fr_fail(err, FR_E_USAGE, "State one with --intensity.",
                       "no intensity is known for the grid zone '%s'", zone);
    return 0;
}

static int find_region(const char *name, size_t *row, fr_err *err)
{
    const fr_table *t = fr_table_find("regions");
    size_t c_provider = fr_table_column(t, "provider"), c_code = fr_table_column(t, "code");
    const char *colon = strchr(name, ':'), *code = colon != NULL ? colon + 1 : name;
    size_t found = 0, length = colon != NULL ? (size_t)(colon - name) : 0;
    for (size_t r = 0; r < fr_table_n_rows(t); r++) {
        const char *provider = fr_table_text(t, r, c_provider);
        bool theirs = colon == NULL ||
                      (strlen(provider) == length && strncasecmp(provider, name, length) == 0);
        if (theirs && strcasecmp(fr_table_text(t, r, c_code), code) == 0) {
            *row = r;
            found++;
        }
    }
    if (found > 1)
        return fr_fail(err, FR_E_USAGE, "Put the provider in front, as aws:eu-north-1.",
                       "more than one provider has a region '%s'", code);
    if (found == 1)
        return 0;
    char hint[192];
    suggest(t, "code", code, "`frugal regions` lists those that are known.", hint, sizeof hint);
    return fr_fail(err, FR_E_USAGE, hint, "no cloud region is called '%s'", name);
}

static int take_region(const char *name, fr_place *out, fr_err *err)
{
    const fr_table *t = fr_table_find("regions");
    size_t row = 0;
    FR_TRY(find_region(name, &row, err));
    out->region = cell(t, row, "code");
    out->provider = cell(t, row, "provider");
    out->country = cell(t, row, "country");
    out->pue = number(t, row, "pue", 0);
    out->pue_source = cell(t, row, "source");
    out->wue_l_per_kwh = number(t, row, "wue_l_per_kwh", NAN);
    if (out->pue == 0) {
        fr_constant unpublished = fr_constant_of("pue_cloud_unpublished");
        out->pue = unpublished.mid;
        out->pue_source = unpublished.source;
    }
    return take_zone(cell(t, row, "zone"), out, err);
}

int fr_place_resolve(const fr_place_options *options, fr_place *out, fr_err *err)
{
    static const fr_place_options NOWHERE = { 0 };
    const fr_place_options *o = options != NULL ? options : &NOWHERE;
    fr_place place = { .wue_l_per_kwh = NAN };
    /* 0 is the intensity that nobody stated; NAN and negative ones were stated, wrongly. */
    if (!(o->intensity_g_per_kwh >= 0 && o->intensity_g_per_kwh <= 5000))
        return fr_fail(err, FR_E_USAGE, "It is grams of CO2e per kilowatt-hour, 0 to 5000.",
                       "the intensity %g g/kWh is not possible", o->intensity_g_per_kwh);
    if (o->pue != 0 && !(o->pue >= 1 && o->pue <= 10))
        return fr_fail(err, FR_E_USAGE, "A PUE is the whole site over its computers: 1.0 or more.",
                       "the PUE %g is not possible", o->pue);
    if (o->region != NULL && o->zone != NULL)
        return fr_fail(err, FR_E_USAGE, "Give one of them; a region brings its zone.",
                       "both a region and a grid zone are stated");
    fr_constant on_premises = fr_constant_of("pue_on_premises");
    place.pue = on_premises.mid;
    place.pue_source = on_premises.source;
    if (o->region != NULL) {
        FR_TRY(take_region(o->region, &place, err));
    } else if (o->zone != NULL) {
        FR_TRY(take_zone(o->zone, &place, err));
    } else if (o->intensity_g_per_kwh == 0) {
        FR_TRY(take_zone("world", &place, err));
        fr_constant world = fr_constant_of("world_range_g_per_kwh");
        place.intensity_low = world.low;
        place.intensity_high = world.high;
        place.assumed = true;
    }
    if (o->intensity_g_per_kwh > 0) {
        place.intensity_g_per_kwh = place.intensity_low = place.intensity_high =
            o->intensity_g_per_kwh;
        place.basis = place.source = "stated";
        place.zone = place.zone != NULL ? place.zone : "stated";
        place.year = 0;
    }
    if (o->pue > 0) {
        place.pue = o->pue;
        place.pue_source = "stated";
    }
    *out = place;
    return 0;
}
