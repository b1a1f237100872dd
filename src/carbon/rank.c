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

#define EARTH_KM 6371.0088 /* mean radius, IUGG */

/* The figures that a ranking is over: one basis, one year. */
typedef struct {
    const char *basis;
    double year;
    bool by_country; /* else by the region's zone */
} scale;

static const scale SCALES[] = {
    { "consumption", 2025, false },
    { "generation", 2024, true },
};

/* Great circle by the haversine formula. */
static double distance_km(double lat_a, double lon_a, double lat_b, double lon_b)
{
    double rad = acos(-1.0) / 180;
    double s_lat = sin((lat_b - lat_a) * rad / 2), s_lon = sin((lon_b - lon_a) * rad / 2);
    double h = s_lat * s_lat + cos(lat_a * rad) * cos(lat_b * rad) * s_lon * s_lon;
    return 2 * EARTH_KM * asin(fmin(1, sqrt(h)));
}

static bool find_figure(const scale *s, const fr_region *region, size_t *row)
{
    const fr_table *grid = fr_table_find("grid");
    size_t c_key = fr_table_column(grid, s->by_country ? "country" : "zone");
    size_t c_basis = fr_table_column(grid, "basis"), c_year = fr_table_column(grid, "year");
    size_t c_kind = fr_table_column(grid, "kind");
    const char *key = s->by_country ? region->country : region->zone;
    for (size_t r = 0; r < fr_table_n_rows(grid); r++) {
        double year, g;
        if (strcmp(fr_table_text(grid, r, c_key), key) == 0 &&
            (!s->by_country || strcmp(fr_table_text(grid, r, c_kind), "country") == 0) &&
            strcmp(fr_table_text(grid, r, c_basis), s->basis) == 0 &&
            fr_table_f64(grid, r, c_year, &year) && year == s->year &&
            fr_table_f64(grid, r, fr_table_column(grid, "intensity_g_per_kwh"), &g)) {
            *row = r;
            return true;
        }
    }
    return false;
}

static double number(const fr_table *t, size_t row, const char *column)
{
    double value;
    return fr_table_f64(t, row, fr_table_column(t, column), &value) ? value : NAN;
}

static fr_region region_of(const fr_table *t, size_t row, const scale *s)
{
    const fr_table *grid = fr_table_find("grid");
    const char *matched = fr_table_text(t, row, fr_table_column(t, "renewable_matched"));
    double matched_year = number(t, row, "renewable_matched_year");
    fr_region region = {
        .provider = fr_table_text(t, row, fr_table_column(t, "provider")),
        .code = fr_table_text(t, row, fr_table_column(t, "code")),
        .country = fr_table_text(t, row, fr_table_column(t, "country")),
        .zone = fr_table_text(t, row, fr_table_column(t, "zone")),
        .name = fr_table_text(t, row, fr_table_column(t, "name")),
        .intensity_g_per_kwh = NAN,
        .basis = s->basis,
        .year = (int)s->year,
        .source = "",
        .pue = number(t, row, "pue"),
        .renewable_matched = strcmp(matched, "yes") == 0  ? 1
                             : strcmp(matched, "no") == 0 ? 0
                                                          : -1,
        .renewable_matched_year = isnan(matched_year) ? 0 : (int)matched_year,
        .distance_km = NAN,
    };
    size_t figure;
    if (!find_figure(s, &region, &figure)) {
        region.left_out = "no figure of this basis and year";
        return region;
    }
    region.intensity_g_per_kwh = number(grid, figure, "intensity_g_per_kwh");
    region.source = fr_table_text(grid, figure, fr_table_column(grid, "source"));
    return region;
}

static int order_of(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b); /* unknown comes last */
    return (a > b) - (a < b);
}

static int compare(const void *left, const void *right)
{
    const fr_region *a = left, *b = right;
    int order = (a->left_out != NULL) - (b->left_out != NULL);
    if (order == 0)
        order = order_of(a->intensity_g_per_kwh, b->intensity_g_per_kwh);
    if (order == 0)
        order = order_of(a->pue, b->pue);
    if (order == 0)
        order = order_of(a->distance_km, b->distance_km);
    if (order == 0)
        order = strcmp(a->provider, b->provider);
    return order != 0 ? order : strcmp(a->code, b->code);
}

/* Country codes of two or three letters; kept as the two-letter code that the tables use. */
static int check_within(const char *within, fr_buf *codes, fr_err *err)
{
    const fr_table *grid = fr_table_find("grid");
    fr_str rest = fr_str_of(within), piece;
    fr_buf_put_c(codes, ',');
    while (fr_str_next(&rest, ',', &piece)) {
        piece = fr_str_trim(piece);
        char code[32];
        snprintf(code, sizeof code, "%.*s", FR_STR_F(piece));
        size_t row;
        if (piece.n == 0)
            continue;
        bool known = fr_table_lookup(grid, "country", code, &row) ||
                     (fr_table_lookup(grid, "zone", code, &row) &&
                      *fr_table_text(grid, row, fr_table_column(grid, "country")) != '\0');
        if (!known)
            return fr_fail(err, FR_E_USAGE, "Countries are ISO codes, as FR,SE,DE.",
                           "no country has the code '%s'", code);
        fr_buf_put_s(codes, fr_table_text(grid, row, fr_table_column(grid, "country")));
        fr_buf_put_c(codes, ',');
    }
    return 0;
}

static int check_provider(const char *provider, fr_err *err)
{
    size_t row;
    const fr_table *t = fr_table_find("regions");
    if (provider == NULL || fr_table_lookup(t, "provider", provider, &row))
        return 0;
    return fr_fail(err, FR_E_USAGE, "Known are aws, azure and gcp.", "no provider is called '%s'",
                   provider);
}

static int find_scale(const char *basis, const scale **out, fr_err *err)
{
    for (size_t i = 0; i < FR_COUNT_OF(SCALES); i++) {
        if (basis == NULL || strcmp(SCALES[i].basis, basis) == 0) {
            *out = &SCALES[i];
            return 0;
        }
    }
    return fr_fail(err, FR_E_USAGE, "It is consumption or generation; never both in one ranking.",
                   "no basis is called '%s'", basis);
}

static bool is_wanted(const fr_region_query *q, const char *codes, const fr_region *region)
{
    char code[16];
    snprintf(code, sizeof code, ",%.8s,", region->country);
    return (q->provider == NULL || strcasecmp(q->provider, region->provider) == 0) &&
           (q->within == NULL || strstr(codes, code) != NULL) &&
           (!q->near || q->max_km <= 0 || region->distance_km <= q->max_km) &&
           (q->with_left_out || region->left_out == NULL);
}

int fr_regions_rank(const fr_region_query *query, fr_region **out, size_t *n, fr_err *err)
{
    static const fr_region_query ALL = { 0 };
    const fr_region_query *q = query != NULL ? query : &ALL;
    const scale *s = NULL;
    FR_AUTO(fr_buf) codes = { 0 };
    FR_TRY(find_scale(q->basis, &s, err));
    FR_TRY(check_provider(q->provider, err));
    if (q->within != NULL)
        FR_TRY(check_within(q->within, &codes, err));
    if (q->near && !(fabs(q->lat) <= 90 && fabs(q->lon) <= 180))
        return fr_fail(err, FR_E_USAGE, "Latitude is -90 to 90, longitude -180 to 180.",
                       "%g,%g is no place on Earth", q->lat, q->lon);
    const fr_table *t = fr_table_find("regions");
    fr_region *regions = FR_NEW_N(fr_region, fr_table_n_rows(t));
    *n = 0;
    for (size_t r = 0; r < fr_table_n_rows(t); r++) {
        fr_region region = region_of(t, r, s);
        if (q->near)
            region.distance_km =
                distance_km(q->lat, q->lon, number(t, r, "lat"), number(t, r, "lon"));
        if (is_wanted(q, fr_buf_text(&codes), &region))
            regions[(*n)++] = region;
    }
    fr_sort(regions, *n, sizeof *regions, compare);
    *out = regions;
    return 0;
}
