/* All runs, for other programs: CSV (one row a run) and JSON Lines (with notes and devices). */
#include "ledger/ledger_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A null for what is unknown: JSON has no NaN. */
static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text_or_null(const char *text)
{
    json_t *value = text != NULL ? json_string(text) : NULL; /* NULL too when it is not UTF-8 */
    return value != NULL ? value : json_null();
}

json_t *fr_notes_json(const fr_note *notes, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_pack("{s:o,s:o}", "kind", text_or_null(notes[i].kind), "name",
                                text_or_null(notes[i].name));
        if (!isnan(notes[i].value))
            json_object_set_new(one, "value", number_or_null(notes[i].value));
        if (notes[i].text != NULL)
            json_object_set_new(one, "text", text_or_null(notes[i].text));
        json_array_append_new(list, one);
    }
    return list;
}

/* Own buckets, summed by device and part. */
json_t *fr_devices_json(const fr_bucket *b, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        size_t first = 0;
        int64_t sum_uj = 0;
        while (strcmp(b[first].device, b[i].device) != 0 || strcmp(b[first].part, b[i].part) != 0 ||
               b[first].method != b[i].method)
            first++;
        if (first < i)
            continue; /* told already */
        for (size_t k = i; k < n; k++)
            if (strcmp(b[k].device, b[i].device) == 0 && strcmp(b[k].part, b[i].part) == 0 &&
                b[k].method == b[i].method)
                sum_uj += b[k].energy_uj;
        json_array_append_new(
            list, json_pack("{s:o,s:o,s:o,s:f,s:s,s:o}", "device", text_or_null(b[i].device),
                            "kind", text_or_null(b[i].kind), "part", text_or_null(b[i].part),
                            "energy_j", (double)sum_uj * 1e-6, "method",
                            fr_method_name(b[i].method), "source", text_or_null(b[i].source)));
    }
    return list;
}

json_t *fr_run_record_json(const fr_run_record *r)
{
    char start[FR_TIME_TEXT], end[FR_TIME_TEXT];
    fr_time_text(r->start_unix_ns, start);
    fr_time_text(r->end_unix_ns, end);
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(1));
    json_object_set_new(o, "id", json_string(r->id));
    json_object_set_new(o, "parent", text_or_null(r->parent[0] != '\0' ? r->parent : NULL));
    json_object_set_new(o, "kind", text_or_null(r->kind));
    json_object_set_new(o, "name", text_or_null(r->name));
    json_object_set_new(o, "status", text_or_null(r->status));
    json_object_set_new(o, "exit_code", json_integer(r->exit_code));
    json_object_set_new(o, "start", json_string(start));
    json_object_set_new(o, "end", r->end_unix_ns != 0 ? json_string(end) : json_null());
    json_object_set_new(o, "duration_s", number_or_null(r->duration_s));
    json_object_set_new(o, "cpu_s", number_or_null(r->cpu_s));
    json_object_set_new(o, "gpu_s", number_or_null(r->gpu_s));
    json_object_set_new(o, "energy_j", number_or_null(r->energy.value_j));
    json_object_set_new(o, "energy_low_j", number_or_null(r->energy.low_j));
    json_object_set_new(o, "energy_high_j", number_or_null(r->energy.high_j));
    json_object_set_new(o, "method", json_string(fr_method_name(r->energy.method)));
    json_object_set_new(o, "source", text_or_null(r->energy.source));
    json_object_set_new(o, "operational_g", number_or_null(r->operational_g));
    json_object_set_new(o, "embodied_g", number_or_null(r->embodied_g));
    json_object_set_new(o, "carbon_g", number_or_null(r->carbon_g));
    json_object_set_new(o, "zone", text_or_null(r->zone));
    json_object_set_new(o, "intensity_g_per_kwh", number_or_null(r->intensity_g_per_kwh));
    json_object_set_new(o, "basis", text_or_null(r->basis));
    json_object_set_new(o, "grid_year", r->grid_year ? json_integer(r->grid_year) : json_null());
    json_object_set_new(o, "grid_source", text_or_null(r->grid_source));
    json_object_set_new(o, "pue", number_or_null(r->pue));
    json_object_set_new(o, "strategy", text_or_null(r->strategy));
    json_object_set_new(o, "model_hash", text_or_null(r->model_hash));
    json_object_set_new(o, "command", text_or_null(r->command));
    json_object_set_new(o, "host", text_or_null(r->host));
    json_object_set_new(o, "phase", json_boolean(r->phase));
    json_object_set_new(o, "counted", json_boolean(r->leaf));
    return o;
}

/* RFC 4180; a text that a spreadsheet would run as a formula gets an apostrophe before it. */
static void put_cell(const char *text, bool number, FILE *out)
{
    if (text == NULL)
        return;
    if (!number && text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL) {
        fputc('"', out);
        fputc('\'', out);
    } else if (strpbrk(text, ",\"\r\n") != NULL) {
        fputc('"', out);
    } else {
        fputs(text, out);
        return;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"')
            fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

static void put_csv(json_t *row, bool heading, FILE *out)
{
    const char *key;
    json_t *value;
    bool first = true;
    json_object_foreach(row, key, value)
    {
        if (!first)
            fputc(',', out);
        first = false;
        if (heading) {
            fputs(key, out);
        } else if (json_is_string(value)) {
            put_cell(json_string_value(value), false, out);
        } else if (json_is_real(value)) {
            char text[40];
            snprintf(text, sizeof(text), "%.12g", json_real_value(value));
            put_cell(text, true, out);
        } else if (!json_is_null(value)) {
            char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            put_cell(text, json_is_number(value) || json_is_boolean(value), out);
            free(text);
        }
    }
    fputs("\r\n", out);
}

static double noted(const fr_note *notes, size_t n, const char *kind, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(notes[i].kind, kind) == 0 && strcmp(notes[i].name, name) == 0)
            return notes[i].value;
    return NAN;
}

/* The columns beside the location-based ones; null where the run has no such line. Whose scope it
 * is: carbon/statement.h. */
static void put_account(json_t *row, const fr_run_record *r, const fr_note *notes, size_t n)
{
    double market_g = noted(notes, n, "account", "market_g");
    double site_l = noted(notes, n, "account", "water_site_l");
    double grid_l = noted(notes, n, "account", "water_grid_l");
    bool has = isfinite(market_g), cloud = noted(notes, n, "factor", "cloud") > 0;
    double embodied_g = isfinite(r->embodied_g) ? r->embodied_g : 0;
    const struct {
        const char *key;
        double value;
    } COLUMNS[] = {
        { "market_g", market_g },
        { "hourly_g", noted(notes, n, "account", "hourly_g") },
        { "marginal_g", noted(notes, n, "account", "marginal_g") },
        { "water_l", isnan(site_l) ? grid_l : site_l + grid_l },
        { "scope2_location_g", !has    ? NAN
                               : cloud ? 0
                                       : r->operational_g },
        { "scope2_market_g", !has    ? NAN
                             : cloud ? 0
                                     : market_g },
        { "scope3_location_g", !has ? NAN : embodied_g + (cloud ? r->operational_g : 0) },
        { "scope3_market_g", !has ? NAN : embodied_g + (cloud ? market_g : 0) },
    };
    for (size_t i = 0; i < FR_COUNT_OF(COLUMNS); i++)
        json_object_set_new(row, COLUMNS[i].key, number_or_null(COLUMNS[i].value));
}

static int export_one(fr_ledger *l, const fr_run_record *r, bool csv, FILE *out, fr_err *err)
{
    fr_note *notes = NULL;
    fr_bucket *buckets = NULL;
    size_t n_notes = 0, n_buckets = 0;
    FR_TRY(fr_ledger_notes(l, r->id, &notes, &n_notes, err));
    json_t *row = fr_run_record_json(r);
    put_account(row, r, notes, n_notes);
    json_object_set_new(row, "notes", fr_notes_json(notes, n_notes));
    fr_notes_free(notes, n_notes);
    int rc = 0;
    if (csv) {
        put_csv(row, false, out);
    } else {
        rc = fr_ledger_buckets(l, r->id, &buckets, &n_buckets, err);
        json_object_set_new(row, "devices", fr_devices_json(buckets, n_buckets));
        fr_buckets_free(buckets, n_buckets);
        json_dumpf(row, out, JSON_COMPACT | JSON_REAL_PRECISION(15));
        fputc('\n', out);
    }
    json_decref(row);
    if (rc == 0 && ferror(out))
        rc = fr_fail_errno(err, NULL, "writing the export");
    return rc;
}

int fr_ledger_export(fr_ledger *l, const char *format, FILE *out, fr_err *err)
{
    bool csv = strcmp(format, "csv") == 0;
    if (!csv && strcmp(format, "jsonl") != 0)
        return fr_fail(err, FR_E_USAGE, "Formats are csv and jsonl.", "no export format '%s'",
                       format);
    FR_AUTO(fr_run_list) all = { 0 };
    FR_TRY(fr_ledger_list(l, &(fr_ledger_query){ 0 }, &all, err));
    if (csv) {
        json_t *names = fr_run_record_json(&(fr_run_record){ 0 });
        put_account(names, &(fr_run_record){ 0 }, NULL, 0);
        json_object_set_new(names, "notes", json_null());
        put_csv(names, true, out);
        json_decref(names);
    }
    for (size_t i = all.n; i-- > 0;) /* oldest first */
        FR_TRY(export_one(l, &all.at[i], csv, out, err));
    return 0;
}
