/* Every line of the account; each formula stands in one function. */
#include "carbon/statement.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "tables/tables.h"

#define J_PER_KWH 3.6e6

/* ---- factors ---- */

static bool region_row(const fr_place *place, size_t *row)
{
    const fr_table *t = fr_table_find("regions");
    for (size_t r = 0; r < fr_table_n_rows(t) && place->region != NULL; r++) {
        if (strcmp(fr_table_text(t, r, fr_table_column(t, "code")), place->region) == 0 &&
            strcmp(fr_table_text(t, r, fr_table_column(t, "provider")), place->provider) == 0) {
            *row = r;
            return true;
        }
    }
    return false;
}

static void market(const fr_place *place, double stated, fr_factors *f)
{
    const fr_table *t = fr_table_find("regions");
    size_t row;
    if (stated >= 0) {
        f->market_g_per_kwh = stated;
        f->market_how = f->market_source = "stated";
        return;
    }
    if (region_row(place, &row) &&
        strcmp(fr_table_text(t, row, fr_table_column(t, "renewable_matched")), "yes") == 0) {
        double year = 0;
        fr_table_f64(t, row, fr_table_column(t, "renewable_matched_year"), &year);
        f->market_g_per_kwh = 0;
        f->market_how = "provider's claim";
        f->market_source = "the provider says that it matched its use with renewable energy";
        f->market_year = (int)year;
        return;
    }
    f->market_g_per_kwh = place->intensity_g_per_kwh;
    f->market_how = "location";
    f->market_source = "no contract, claim or residual mix is known: the location's figure";
    f->market_year = place->year;
}

static void water(const fr_place *place, fr_factors *f)
{
    const fr_table *t = fr_table_find("water");
    size_t row;
    f->site_water_l_per_kwh = place->wue_l_per_kwh;
    f->grid_water_l_per_kwh = NAN;
    f->water_assumed =
        place->country == NULL || !fr_table_lookup(t, "country", place->country, &row);
    if (f->water_assumed && !fr_table_lookup(t, "country", "world", &row))
        return;
    double year = 0;
    fr_table_f64(t, row, fr_table_column(t, "l_per_kwh"), &f->grid_water_l_per_kwh);
    fr_table_f64(t, row, fr_table_column(t, "year"), &year);
    f->water_source = fr_table_text(t, row, fr_table_column(t, "source"));
    f->water_year = (int)year;
}

fr_factors fr_factors_of(const fr_place *place, double market_g_per_kwh)
{
    fr_factors f = { .pue = place->pue,
                     .location_g_per_kwh = place->intensity_g_per_kwh,
                     .cloud = place->provider != NULL };
    market(place, market_g_per_kwh, &f);
    water(place, &f);
    return f;
}

/* ---- lines ---- */

fr_statement fr_statement_of(double energy_j, double embodied_g, const fr_factors *f)
{
    double it_kwh = energy_j / J_PER_KWH;
    double site_kwh = it_kwh * f->pue;
    fr_statement s = {
        .location_g = site_kwh * f->location_g_per_kwh,
        .market_g = site_kwh * f->market_g_per_kwh,
        .water_site_l = it_kwh * f->site_water_l_per_kwh,
        .water_grid_l = site_kwh * f->grid_water_l_per_kwh,
    };
    s.water_l = isnan(s.water_site_l) ? s.water_grid_l : s.water_site_l + s.water_grid_l;
    s.scope2_location_g = f->cloud ? 0 : s.location_g;
    s.scope2_market_g = f->cloud ? 0 : s.market_g;
    s.scope3_location_g = embodied_g + (f->cloud ? s.location_g : 0);
    s.scope3_market_g = embodied_g + (f->cloud ? s.market_g : 0);
    return s;
}

/* ---- SCI for AI ---- */

/* The functional units of the specification's tables 8.1 and 8.2. */
static const struct {
    fr_sci_ai_persona persona;
    const char *unit, *per;
    double per_units;
} UNITS[] = {
    { FR_SCI_AI_CONSUMER, "token", "million tokens", 1e6 },
    { FR_SCI_AI_CONSUMER, "inference", "inference", 1 },
    { FR_SCI_AI_CONSUMER, "execution", "execution", 1 },
    { FR_SCI_AI_CONSUMER, "page", "page", 1 },
    { FR_SCI_AI_CONSUMER, "image", "image", 1 },
    { FR_SCI_AI_CONSUMER, "second", "second", 1 },
    { FR_SCI_AI_PROVIDER, "flop", "1e18 FLOP", 1e18 },
    { FR_SCI_AI_PROVIDER, "parameter", "billion parameters", 1e9 },
    { FR_SCI_AI_PROVIDER, "training-token", "million training tokens", 1e6 },
};

const char *fr_sci_ai_name(fr_sci_ai_persona persona)
{
    return persona == FR_SCI_AI_CONSUMER   ? "consumer"
           : persona == FR_SCI_AI_PROVIDER ? "provider"
                                           : "none";
}

fr_sci_ai_persona fr_sci_ai_parse(const char *name)
{
    return strcasecmp(name, "consumer") == 0   ? FR_SCI_AI_CONSUMER
           : strcasecmp(name, "provider") == 0 ? FR_SCI_AI_PROVIDER
                                               : FR_SCI_AI_NONE;
}

fr_sci_ai_persona fr_sci_ai_of_kind(const char *kind)
{
    static const char *const MAKING[] = { "train", "tune", "quantize", "compress", "data" };
    static const char *const USING[] = { "generate", "serve", "batch", "chat", "embed", "answer" };
    for (size_t i = 0; i < FR_COUNT_OF(MAKING) && kind != NULL; i++)
        if (strcmp(kind, MAKING[i]) == 0)
            return FR_SCI_AI_PROVIDER;
    for (size_t i = 0; i < FR_COUNT_OF(USING) && kind != NULL; i++)
        if (strcmp(kind, USING[i]) == 0)
            return FR_SCI_AI_CONSUMER;
    return FR_SCI_AI_NONE;
}

static bool is_unit(const char *said, const char *unit)
{
    size_t n = strlen(unit);
    return strncasecmp(said, unit, n) == 0 && (said[n] == '\0' || (strcasecmp(said + n, "s") == 0));
}

int fr_sci_for_ai(const fr_carbon *c, fr_sci_ai_persona persona, const char *unit, double units,
                  fr_sci_ai *out, fr_err *err)
{
    FR_AUTO(fr_buf) known = { 0 };
    for (size_t i = 0; i < FR_COUNT_OF(UNITS); i++) {
        if (UNITS[i].persona != persona)
            continue;
        if (!is_unit(unit, UNITS[i].unit)) {
            fr_buf_put_f(&known, "%s%ss", known.n > 0 ? ", " : "", UNITS[i].unit);
            continue;
        }
        *out = (fr_sci_ai){ .persona = persona,
                            .unit = UNITS[i].unit,
                            .per = UNITS[i].per,
                            .per_units = UNITS[i].per_units };
        FR_TRY(fr_sci(c, units, &out->g_per_unit, err));
        out->g_per = out->g_per_unit * out->per_units;
        return 0;
    }
    char hint[256];
    snprintf(hint, sizeof hint, "Of the %s they are: %s.", fr_sci_ai_name(persona),
             fr_buf_text(&known));
    return fr_fail(err, FR_E_USAGE, hint, "SCI for AI has no unit '%s' for the %s", unit,
                   fr_sci_ai_name(persona));
}
