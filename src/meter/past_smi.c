/*
 * What `nvidia-smi --query-gpu=A,B --format=csv` writes (nvidia-smi --help-query-gpu):
 *
 *     timestamp, name, power.draw [W], utilization.gpu [%]           unless noheader
 *     2026/11/22 18:55:06.123, NVIDIA A10G, 61.22 W, 37 %            without units with nounits
 *     2026/11/22 18:55:06.125, NVIDIA A10G, [N/A], [Not Supported]
 *
 * A row is one GPU at one moment, told from others by index, uuid or bus; without any of these by
 * its place among rows of one look: those less than 40 ms after the one before. Limit: 64 columns.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/mem.h"
#include "meter/past_priv.h"

#define COLUMNS_MOST 64
#define TOGETHER_NS  40000000

typedef enum {
    NOTHING,
    TIME,
    NAME,
    INDEX,
    UUID,
    BUS,
    UTILIZATION,
    MEMORY_USED,
    MEMORY_TOTAL,
    DRAW,
    DRAW_INSTANT,
    LIMIT,
    PSTATE,
    N_FIELDS
} field;

static const struct {
    const char *spelling;
    field is;
} SPELLINGS[] = {
    { "timestamp", TIME },
    { "name", NAME },
    { "gpu_name", NAME },
    { "index", INDEX },
    { "uuid", UUID },
    { "gpu_uuid", UUID },
    { "pci.bus_id", BUS },
    { "gpu_bus_id", BUS },
    { "utilization.gpu", UTILIZATION },
    { "memory.used", MEMORY_USED },
    { "memory.total", MEMORY_TOTAL },
    { "power.draw", DRAW },
    { "power.draw.average", DRAW },
    { "power.draw.instant", DRAW_INSTANT },
    { "power.limit", LIMIT },
    { "enforced.power.limit", LIMIT },
    { "pstate", PSTATE },
};

typedef struct {
    field columns[COLUMNS_MOST];
    char names[COLUMNS_MOST][32];
    size_t n;
    bool has[N_FIELDS];
    const fr_past_options *options;
    int64_t last_ns; /* the latest row so far */
    int64_t row_ns;  /* the row before */
    int place;       /* among rows of one look */
} reader;

static void take_column(reader *r, fr_str cell)
{
    size_t bracket;
    cell = fr_str_trim(cell);
    if (fr_str_find(cell, FR_STR("["), &bracket))
        cell = fr_str_trim((fr_str){ cell.at, bracket });
    field is = NOTHING;
    for (size_t i = 0; i < FR_COUNT_OF(SPELLINGS); i++) {
        if (cell.n == strlen(SPELLINGS[i].spelling) &&
            strncasecmp(cell.at, SPELLINGS[i].spelling, cell.n) == 0)
            is = SPELLINGS[i].is;
    }
    snprintf(r->names[r->n], sizeof r->names[0], "%.*s", (int)FR_MIN(cell.n, (size_t)31), cell.at);
    r->has[is] = true;
    r->columns[r->n++] = is;
}

static int take_header(reader *r, const fr_str *cells, size_t n, const char *name, fr_err *err)
{
    for (size_t i = 0; i < n && i < COLUMNS_MOST; i++)
        take_column(r, cells[i]);
    bool times = r->has[TIME] || r->options->every_s > 0;
    bool draw = r->has[DRAW] || r->has[DRAW_INSTANT] || r->has[UTILIZATION];
    if (times && draw)
        return 0;
    return fr_fail(err, FR_E_FORMAT,
                   times ? "Columns: power.draw, or utilization.gpu to model it; a file without a "
                           "header needs --columns."
                         : "Log with timestamp, or say --every SECONDS and --from DATE.",
                   times ? "'%s' has no column power.draw or utilization.gpu"
                         : "'%s' has no column timestamp",
                   name);
}

/* [N/A], [Not Supported], [Unknown Error], N/A, empty: no value, and no fault of the row. */
static bool is_absent(fr_str cell)
{
    return cell.n == 0 || *cell.at == '[' || fr_str_is(cell, "N/A") || fr_str_is(cell, "n/a");
}

/* A number with its unit behind or not; scaled to the first of units. */
static bool number(fr_str cell, const char *const *units, const double *factors, double *out)
{
    size_t n = 0;
    while (n < cell.n && strchr("+-.0123456789eE", cell.at[n]) != NULL)
        n++;
    fr_str unit = fr_str_trim((fr_str){ cell.at + n, cell.n - n });
    if (!fr_str_to_f64((fr_str){ cell.at, n }, out))
        return false;
    if (unit.n == 0)
        return true;
    for (size_t i = 0; units[i] != NULL; i++) {
        if (fr_str_is(unit, units[i])) {
            *out *= factors[i];
            return true;
        }
    }
    return false;
}

static bool watts(fr_str cell, double *out)
{
    static const char *const UNITS[] = { "W", "mW", "kW", NULL };
    static const double FACTORS[] = { 1, 1e-3, 1e3 };
    return number(cell, UNITS, FACTORS, out) && *out >= 0 && *out < 1e5;
}

static bool percent(fr_str cell, double *out)
{
    static const char *const UNITS[] = { "%", NULL };
    static const double FACTORS[] = { 1 };
    return number(cell, UNITS, FACTORS, out) && *out >= 0 && *out <= 100;
}

static bool bytes(fr_str cell, double *out)
{
    static const char *const UNITS[] = { "MiB", "GiB", "KiB", NULL };
    static const double FACTORS[] = { 1, 1024, 1 / 1024.0 };
    return number(cell, UNITS, FACTORS, out) && *out >= 0;
}

typedef struct {
    fr_past_sample sample;
    double used, total, limit_w;
    fr_str name, key;
    const char *key_kind;
} row;

/* false: what stands there is not of the column's kind. */
static bool take_cell(field is, fr_str cell, int64_t after_ns, row *out)
{
    double value = NAN;
    fr_past_sample *s = &out->sample;
    switch (is) {
    case TIME:
        return fr_past_time(cell, after_ns, &s->unix_ns);
    case NAME:
        out->name = cell;
        return true;
    case INDEX:
    case UUID:
    case BUS:
        if (out->key.n == 0 || is == INDEX)
            out->key = cell;
        return cell.n > 0;
    case UTILIZATION:
        if (!percent(cell, &value))
            return false;
        s->utilization_ratio = value / 100;
        return true;
    case MEMORY_USED:
        return bytes(cell, &out->used);
    case MEMORY_TOTAL:
        return bytes(cell, &out->total);
    case DRAW:
        return watts(cell, &s->power_w);
    case DRAW_INSTANT:
        if (!watts(cell, &value))
            return false;
        s->power_w = isnan(s->power_w) ? value : s->power_w;
        return true;
    case LIMIT:
        return watts(cell, &out->limit_w);
    case PSTATE:
        if (cell.n < 2 || *cell.at != 'P' ||
            !fr_str_to_f64((fr_str){ cell.at + 1, cell.n - 1 }, &value) ||
            !(value >= 0 && value <= 15))
            return false;
        s->pstate = (int)value;
        return true;
    default:
        return true;
    }
}

static bool parse_row(reader *r, const fr_str *cells, size_t n, size_t line, int64_t after_ns,
                      fr_past *past, row *out)
{
    const char *file = r->options->name;
    *out = (row){
        .sample = { .utilization_ratio = NAN, .memory_ratio = NAN, .power_w = NAN, .pstate = -1 },
        .used = NAN,
        .total = NAN,
        .limit_w = NAN
    };
    if (n != r->n) {
        fr_past_wrong(past, "%s:%zu: %zu cells, not %zu", file, line, n, r->n);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        fr_str cell = fr_str_trim(cells[i]);
        if (r->columns[i] == NOTHING || (is_absent(cell) && r->columns[i] != TIME))
            continue;
        if (!take_cell(r->columns[i], cell, after_ns, out)) {
            fr_past_wrong(past, "%s:%zu: %s: '%.*s'", file, line, r->names[i],
                          (int)FR_MIN(cell.n, (size_t)40), cell.at);
            return false;
        }
    }
    out->sample.memory_ratio = out->total > 0 ? out->used / out->total : NAN;
    return true;
}

static fr_past_device *device_of(reader *r, fr_past *past, const row *x)
{
    char key[96];
    int64_t since_ns = x->sample.unix_ns - r->row_ns;
    r->place = r->row_ns != 0 && since_ns >= 0 && since_ns < TOGETHER_NS ? r->place + 1 : 0;
    r->row_ns = x->sample.unix_ns;
    if (x->key.n > 0)
        snprintf(key, sizeof key, "%.*s", (int)FR_MIN(x->key.n, sizeof key - 1), x->key.at);
    else if (r->options->every_s > 0 || (past->n <= 1 && r->place == 0))
        snprintf(key, sizeof key, "0");
    else
        snprintf(key, sizeof key, "%d", r->place);
    size_t before = past->n;
    fr_past_device *d = fr_past_device_of(past, key);
    if (d != NULL && past->n > before) {
        bool is_number = strspn(key, "0123456789") == strlen(key);
        snprintf(d->name, sizeof d->name, is_number ? "gpu-%.50s" : "%.60s", key);
        snprintf(d->model, sizeof d->model, "%.*s", (int)FR_MIN(x->name.n, sizeof d->model - 1),
                 x->name.n > 0 ? x->name.at : "");
    }
    return d;
}

static void take_row(reader *r, const fr_str *cells, size_t n, size_t line, fr_past *past)
{
    row x;
    if (!parse_row(r, cells, n, line, r->last_ns, past, &x))
        return;
    fr_past_device *d = device_of(r, past, &x);
    if (d == NULL) {
        fr_past_wrong(past, "%s:%zu: more devices than there is room for", r->options->name, line);
        return;
    }
    if (!r->has[TIME])
        x.sample.unix_ns =
            r->options->from_unix_ns + (int64_t)((double)d->n * r->options->every_s * 1e9);
    if (isfinite(x.limit_w))
        d->limit_w = x.limit_w;
    r->last_ns = FR_MAX(r->last_ns, x.sample.unix_ns);
    fr_past_add(d, &x.sample);
    past->n_rows++;
}

int fr_past_read_smi(fr_str text, const fr_past_options *options, fr_past *out, fr_err *err)
{
    FR_AUTO(fr_csv) csv = { 0 };
    reader r = { .options = options };
    const fr_str *cells;
    size_t n;
    fr_csv_init(&csv, text, options->name);
    if (options->columns != NULL) {
        fr_str rest = fr_str_of(options->columns), cell;
        fr_str columns[COLUMNS_MOST];
        size_t n_columns = 0;
        while (n_columns < COLUMNS_MOST && fr_str_next(&rest, ',', &cell))
            columns[n_columns++] = cell;
        FR_TRY(take_header(&r, columns, n_columns, "--columns", err));
    } else {
        FR_TRY(fr_csv_next(&csv, &cells, &n, err));
        FR_TRY(take_header(&r, cells, n, options->name, err));
    }
    for (;;) {
        fr_err cut = { 0 };
        int rc = fr_csv_next(&csv, &cells, &n, &cut);
        if (rc != 0) { /* an open quote at the end: the log was cut */
            fr_past_wrong(out, "%s", cut.what);
            break;
        }
        if (n == 0)
            break;
        take_row(&r, cells, n, csv.line, out);
    }
    return fr_past_check(out, options->name, err);
}
