#include "cli/account_lines.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

static json_t *text_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *json_embodied(const fr_account_view *v)
{
    const fr_embodied *e = v->embodied;
    double low_g = NAN, high_g = NAN;
    json_t *o = json_object();
    json_object_set_new(o, "value", fr_json_f64(v->embodied_g));
    if (e == NULL)
        return o;
    if (e->lifetime_low_s > 0)
        fr_embodied_range_g(e, v->reserved_s, &low_g, &high_g);
    json_object_set_new(o, "low", fr_json_f64(low_g));
    json_object_set_new(o, "high", fr_json_f64(high_g));
    json_object_set_new(o, "total_kg", fr_json_f64(e->total_kg));
    json_object_set_new(o, "lifetime_s", fr_json_f64(e->lifetime_s));
    json_object_set_new(o, "share_ratio", fr_json_f64(e->share_ratio));
    json_object_set_new(o, "reserved_s", fr_json_f64(v->reserved_s));
    json_object_set_new(o, "source", text_or_null(e->source));
    return o;
}

json_t *fr_account_json(const fr_account_view *v)
{
    const fr_factors *f = v->factors;
    const fr_statement *s = &v->lines;
    json_t *o = json_object();
    json_object_set_new(o, "location",
                        json_pack("{s:o,s:o}", "operational_g", fr_json_f64(s->location_g),
                                  "intensity_g_per_kwh", fr_json_f64(f->location_g_per_kwh)));
    json_object_set_new(o, "market",
                        json_pack("{s:o,s:o,s:o,s:o,s:o}", "operational_g",
                                  fr_json_f64(s->market_g), "intensity_g_per_kwh",
                                  fr_json_f64(f->market_g_per_kwh), "by",
                                  text_or_null(f->market_how), "year",
                                  f->market_year != 0 ? json_integer(f->market_year) : json_null(),
                                  "source", text_or_null(f->market_source)));
    json_object_set_new(
        o, "water_l",
        json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:o}", "total", fr_json_f64(s->water_l), "site",
                  fr_json_f64(s->water_site_l), "grid", fr_json_f64(s->water_grid_l),
                  "site_l_per_kwh", fr_json_f64(f->site_water_l_per_kwh), "grid_l_per_kwh",
                  fr_json_f64(f->grid_water_l_per_kwh), "year",
                  f->water_year != 0 ? json_integer(f->water_year) : json_null(), "assumed",
                  f->water_assumed, "source", text_or_null(f->water_source)));
    json_object_set_new(o, "embodied_g", json_embodied(v));
    json_object_set_new(o, "scope_g",
                        json_pack("{s:o,s:o,s:o,s:o,s:s}", "scope2_location",
                                  fr_json_f64(s->scope2_location_g), "scope2_market",
                                  fr_json_f64(s->scope2_market_g), "scope3_location",
                                  fr_json_f64(s->scope3_location_g), "scope3_market",
                                  fr_json_f64(s->scope3_market_g), "whose",
                                  f->cloud ? "the cloud's customer" : "the machine's owner"));
    return o;
}

void fr_text_l(double litres, char out[32])
{
    if (isnan(litres))
        snprintf(out, 32, "?");
    else if (litres >= 1)
        snprintf(out, 32, "%.3g l", litres);
    else if (litres >= 1e-3)
        snprintf(out, 32, "%.3g ml", litres * 1e3);
    else
        snprintf(out, 32, "%.3g \xc2\xb5l", litres * 1e6);
}

static void put_scopes(const fr_account_view *v, fr_buf *out)
{
    const fr_statement *s = &v->lines;
    char two[32], three[32];
    fr_text_g(s->scope2_location_g, two);
    fr_text_g(s->scope3_location_g, three);
    if (v->factors->cloud)
        fr_buf_put_f(out,
                     "  scopes    %10s   Scope 3 of a cloud's customer; its electricity is the "
                     "provider's Scope 2\n",
                     three);
    else
        fr_buf_put_f(out, "  scopes    %10s   Scope 2, and %s Scope 3 (making the machine)\n", two,
                     three);
}

void fr_account_text(const fr_account_view *v, fr_buf *out)
{
    const fr_factors *f = v->factors;
    char market[32], water[32], site[32], grid[32];
    fr_text_g(v->lines.market_g, market);
    fr_text_l(v->lines.water_l, water);
    fr_text_l(v->lines.water_site_l, site);
    fr_text_l(v->lines.water_grid_l, grid);
    fr_buf_put_f(out, "  market    %10s   %.4g g/kWh by the %s", market, f->market_g_per_kwh,
                 strcmp(f->market_how, "stated") == 0 ? "contract that was stated" : f->market_how);
    if (strcmp(f->market_how, "location") == 0)
        fr_buf_put_s(out, "'s figure: no contract or claim is known");
    else if (f->market_year != 0)
        fr_buf_put_f(out, " of %d", f->market_year);
    fr_buf_put_f(out, "; changes no rank\n  water     %10s   ", water);
    if (isnan(v->lines.water_site_l))
        fr_buf_put_f(out, "for the grid's electricity%s; the site's own is unknown\n",
                     f->water_assumed ? " (world average)" : "");
    else
        fr_buf_put_f(out, "%s at the site, %s for the grid's electricity%s\n", site, grid,
                     f->water_assumed ? " (world average)" : "");
    if (v->embodied != NULL) {
        char embodied[32], took[FR_TIME_TEXT];
        fr_text_g(v->embodied_g, embodied);
        fr_duration_text(v->reserved_s, took);
        fr_buf_put_f(out,
                     "  embodied  %10s   %.4g kg over %.3g years, %.3g%% of the machine for "
                     "%s\n",
                     embodied, v->embodied->total_kg, v->embodied->lifetime_s / (365.25 * 86400),
                     100 * v->embodied->share_ratio, took);
    }
    put_scopes(v, out);
}

/* ---- recorded runs ---- */

static const fr_note *note_of(const fr_note *notes, size_t n, const char *name)
{
    static const fr_note NONE = { .value = NAN };
    for (size_t i = 0; i < n; i++)
        if (strcmp(notes[i].kind, "factor") == 0 && strcmp(notes[i].name, name) == 0)
            return &notes[i];
    return &NONE;
}

bool fr_account_of_run(const fr_run_record *r, const fr_note *notes, size_t n, fr_factors *f,
                       fr_embodied *e, fr_account_view *out)
{
    const fr_note *market = note_of(notes, n, "market_g_per_kwh");
    const fr_note *water = note_of(notes, n, "grid_water_l_per_kwh");
    if (isnan(market->value))
        return false;
    *f = (fr_factors){ .pue = r->pue,
                       .location_g_per_kwh = r->intensity_g_per_kwh,
                       .market_g_per_kwh = market->value,
                       .market_how = market->text != NULL ? market->text : "stated",
                       .site_water_l_per_kwh = note_of(notes, n, "site_water_l_per_kwh")->value,
                       .grid_water_l_per_kwh = water->value,
                       .water_source = water->text,
                       .cloud = note_of(notes, n, "cloud")->value > 0 };
    const fr_note *total = note_of(notes, n, "embodied_total_kg");
    *e = (fr_embodied){ .total_kg = total->value,
                        .lifetime_s = note_of(notes, n, "embodied_lifetime_s")->value,
                        .share_ratio = note_of(notes, n, "embodied_share_ratio")->value,
                        .source = total->text };
    double embodied_g = isnan(r->embodied_g) ? 0 : r->embodied_g;
    *out = (fr_account_view){ .factors = f,
                              .embodied = isnan(e->total_kg) ? NULL : e,
                              .reserved_s = r->duration_s,
                              .lines = fr_statement_of(r->energy.value_j, embodied_g, f),
                              .embodied_g = embodied_g };
    return true;
}
