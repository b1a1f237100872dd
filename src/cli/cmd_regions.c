/* frugal regions: cloud regions by the carbon of their grid, one basis and one year all through. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 20

static const fr_option OPTIONS[] = {
    { "provider", 0, FR_OPTION_TEXT, "NAME", "aws, azure or gcp alone" },
    { "within", 0, FR_OPTION_TEXT, "ISO,…", "these countries alone, as FR,SE,DE" },
    { "near", 0, FR_OPTION_TEXT, "LAT,LON", "tell the distance from here" },
    { "max-km", 0, FR_OPTION_F64, "KM", "no farther than this from --near" },
    { "basis", 0, FR_OPTION_TEXT, "NAME",
      "consumption (zones; the default) or generation (countries)" },
    { "why", 0, FR_OPTION_FLAG, NULL, "say by what rule, from what data, and how close it was" },
    { "show", 'n', FR_OPTION_I64, "N", "list N regions (default 20; 0: all; --json lists all)" },
    FR_OPTIONS_END,
};

static const char RULE[] =
    "lowest location-based yearly intensity of the grid; then the lower PUE, the nearer, the name. "
    "A provider's purchases of renewable energy (market-based) change no rank.";

static int parse_near(const char *text, fr_region_query *query, fr_err *err)
{
    fr_str rest = fr_str_of(text), lat;
    if (!fr_str_next(&rest, ',', &lat) || !fr_str_to_f64(fr_str_trim(lat), &query->lat) ||
        !fr_str_to_f64(fr_str_trim(rest), &query->lon))
        return fr_fail(err, FR_E_USAGE, "Write latitude and longitude in degrees: --near 48.9,2.4",
                       "--near takes LAT,LON, not '%s'", text);
    query->near = true;
    return 0;
}

static size_t count_ranked(const fr_region *regions, size_t n)
{
    size_t ranked = 0;
    while (ranked < n && regions[ranked].left_out == NULL)
        ranked++;
    return ranked;
}

static json_t *json_region(const fr_region *r)
{
    json_t *o = json_object();
    json_object_set_new(o, "provider", json_string(r->provider));
    json_object_set_new(o, "code", json_string(r->code));
    json_object_set_new(o, "name", json_string(r->name));
    json_object_set_new(o, "country", json_string(r->country));
    json_object_set_new(o, "zone", json_string(r->zone));
    json_object_set_new(o, "intensity_g_per_kwh", fr_json_f64(r->intensity_g_per_kwh));
    json_object_set_new(o, "basis", json_string(r->basis));
    json_object_set_new(o, "year", json_integer(r->year));
    json_object_set_new(o, "source", json_string(r->source));
    json_object_set_new(o, "pue", fr_json_f64(r->pue));
    json_object_set_new(o, "renewable_matched",
                        r->renewable_matched < 0 ? json_null()
                                                 : json_boolean(r->renewable_matched));
    json_object_set_new(o, "renewable_matched_year",
                        r->renewable_matched < 0 ? json_null()
                                                 : json_integer(r->renewable_matched_year));
    json_object_set_new(o, "distance_km", fr_json_f64(r->distance_km));
    return o;
}

static void full_code(const fr_region *r, char out[64])
{
    snprintf(out, 64, "%s:%s", r->provider, r->code);
}

static json_t *json_why(const fr_region *regions, size_t ranked)
{
    char code[64];
    json_t *why = json_object();
    json_object_set_new(why, "rule", json_string(RULE));
    json_object_set_new(why, "basis", json_string(regions[0].basis));
    json_object_set_new(why, "year", json_integer(regions[0].year));
    json_object_set_new(why, "source", json_string(regions[0].source));
    full_code(&regions[0], code);
    json_object_set_new(why, "chosen", json_string(code));
    if (ranked > 1) {
        full_code(&regions[1], code);
        json_object_set_new(why, "runner_up", json_string(code));
        json_object_set_new(
            why, "gap_g_per_kwh",
            fr_json_f64(regions[1].intensity_g_per_kwh - regions[0].intensity_g_per_kwh));
    }
    return why;
}

static int put_json(fr_cli *cli, const fr_region *regions, size_t n, size_t ranked)
{
    json_t *list = json_array(), *left_out = json_array(), *whole = json_object();
    for (size_t i = 0; i < ranked; i++)
        json_array_append_new(list, json_region(&regions[i]));
    for (size_t i = ranked; i < n; i++) {
        json_t *o = json_object();
        json_object_set_new(o, "provider", json_string(regions[i].provider));
        json_object_set_new(o, "code", json_string(regions[i].code));
        json_object_set_new(o, "why", json_string(regions[i].left_out));
        json_array_append_new(left_out, o);
    }
    json_object_set_new(whole, "regions", list);
    json_object_set_new(whole, "left_out", left_out);
    if (fr_arg_flag(cli, "why") && ranked > 0)
        json_object_set_new(whole, "why", json_why(regions, ranked));
    return fr_cli_put_json(cli, whole);
}

static void print_why(const fr_region *regions, size_t n, size_t ranked)
{
    const fr_region *best = &regions[0], *next = &regions[1];
    printf("\nchosen     %s:%s, %g gCO2e/kWh in grid zone %s\n", best->provider, best->code,
           best->intensity_g_per_kwh, best->zone);
    printf("rule       %s\n", RULE);
    printf("data       %s basis, %d: %s\n", best->basis, best->year, best->source);
    if (ranked > 1) {
        double gap = next->intensity_g_per_kwh - best->intensity_g_per_kwh;
        printf("runner-up  %s:%s, %g gCO2e/kWh: ", next->provider, next->code,
               next->intensity_g_per_kwh);
        if (gap > 0)
            printf("%g more (%+.0f%%)\n", gap, 100 * gap / best->intensity_g_per_kwh);
        else
            printf("the same grid figure, so PUE%s and name decided\n",
                   isnan(best->distance_km) ? "" : ", distance");
    }
    if (n > ranked)
        printf("left out   %zu regions without a figure of this basis and year\n", n - ranked);
}

static void print_table(const fr_region *regions, size_t n, size_t ranked, size_t shown)
{
    bool near = n > 0 && !isnan(regions[0].distance_km);
    int code_width = 24;
    printf("%-*s  %-26s %9s  %5s  %-9s%s\n", code_width, "region", "place", "gCO2e/kWh", "PUE",
           "100% RE*", near ? "        km" : "");
    for (size_t i = 0; i < shown; i++) {
        const fr_region *r = &regions[i];
        char code[64], place[96], pue[16] = "-", matched[16] = "-";
        full_code(r, code);
        snprintf(place, sizeof place, "%s, %s", r->name, r->country);
        if (!isnan(r->pue))
            snprintf(pue, sizeof pue, "%.2f", r->pue);
        if (r->renewable_matched >= 0)
            snprintf(matched, sizeof matched, "%s %d", r->renewable_matched ? "yes" : "no",
                     r->renewable_matched_year);
        printf("%-*s  %-26.26s %9g  %5s  %-9s", code_width, code, place, r->intensity_g_per_kwh,
               pue, matched);
        if (near)
            printf(" %9.0f", r->distance_km);
        putchar('\n');
    }
    if (shown < ranked)
        printf("… %zu more (-n 0 lists all)\n", ranked - shown);
    printf("\n%s basis, %d, location-based. * what the provider claims for the year, market-based; "
           "it changes no rank.\n",
           regions[0].basis, regions[0].year);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    fr_region_query query = { .provider = fr_arg_text(cli, "provider", NULL),
                              .within = fr_arg_text(cli, "within", NULL),
                              .basis = fr_arg_text(cli, "basis", NULL),
                              .max_km = fr_arg_f64(cli, "max-km", 0),
                              .with_left_out = true };
    const char *near = fr_arg_text(cli, "near", NULL);
    fr_region *regions = NULL;
    size_t n = 0;
    int rc = near != NULL ? parse_near(near, &query, &err) : 0;
    if (rc == 0 && fr_arg_given(cli, "max-km") && !(query.max_km > 0 && near != NULL))
        rc = fr_fail(&err, FR_E_USAGE, "As --near 48.9,2.4 --max-km 1000.",
                     "--max-km takes kilometres above 0 and needs --near");
    if (rc == 0)
        rc = fr_regions_rank(&query, &regions, &n, &err);
    size_t ranked = rc == 0 ? count_ranked(regions, n) : 0;
    if (rc == 0 && fr_cli_json(cli))
        rc = put_json(cli, regions, n, ranked) == 0 ? 0 : FR_E_IO;
    if (rc == 0 && ranked == 0) {
        rc = fr_fail(&err, FR_E_LIMIT, "Widen --within, --max-km or --provider.",
                     "no region that is known lies within these bounds");
    } else if (rc == 0 && !fr_cli_json(cli)) {
        long long wanted = fr_arg_i64(cli, "show", SHOWN);
        size_t shown = wanted > 0 && (size_t)wanted < ranked ? (size_t)wanted : ranked;
        print_table(regions, n, ranked, shown);
        if (fr_arg_flag(cli, "why"))
            print_why(regions, n, ranked);
    }
    free(regions);
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_COMMAND_regions = {
    .name = "regions",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "rank cloud regions by the carbon of their grid",
    .examples =
        "frugal regions --provider aws --within FR,DE,SE,IE  # where in these countries\n"
        "frugal regions --near 48.9,2.4 --max-km 1000 --why  # close to Paris, and the reason\n"
        "frugal regions --json  # all of them, for a program",
};
