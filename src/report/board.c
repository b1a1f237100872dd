#include "report/board.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define POINTS_MOST 4096

static const fr_series ROWS[] = {
#define SERIES(name, kind, unit, help) { name, FR_SERIES_##kind, FR_UNIT_##unit, help },
#include "report/series.def"
#undef SERIES
};

/* By fr_series_unit. */
static const struct {
    const char *ucum, *cloudwatch;
} UNITS[] = { { "1", "None" },  { "1", "None" },  { "%", "Percent" }, { "J", "None" },
              { "W", "None" },  { "g", "None" },  { "By", "Bytes" },  { "s", "Seconds" },
              { "Hz", "None" }, { "Cel", "None" } };

struct fr_board {
    pthread_mutex_t lock;
    fr_point *points; /* [cap]; the lock guards all below */
    size_t n, cap;
    int64_t unix_ns;
    double interval_s;
};

const fr_series *fr_series_all(size_t *n)
{
    *n = FR_COUNT_OF(ROWS);
    return ROWS;
}

const fr_series *fr_series_find(const char *name)
{
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        if (strcmp(ROWS[i].name, name) == 0)
            return &ROWS[i];
    }
    return NULL;
}

const char *fr_series_ucum(const fr_series *s)
{
    return UNITS[s->unit].ucum;
}

const char *fr_series_cloudwatch_unit(const fr_series *s)
{
    return UNITS[s->unit].cloudwatch;
}

fr_board *fr_board_new(void)
{
    fr_board *b = FR_NEW(fr_board);
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

static void point_fini(fr_point *p)
{
    for (size_t i = 0; i < p->n_labels; i++)
        free((char *)(uintptr_t)p->labels[i].value);
}

void fr_board_free(fr_board *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->n; i++)
        point_fini(&b->points[i]);
    free(b->points);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void fr_board_lock(const fr_board *b)
{
    pthread_mutex_lock(&((fr_board *)(uintptr_t)b)->lock);
}

void fr_board_unlock(const fr_board *b)
{
    pthread_mutex_unlock(&((fr_board *)(uintptr_t)b)->lock);
}

void fr_board_begin(fr_board *b, int64_t unix_ns, double interval_s)
{
    fr_board_lock(b);
    b->unix_ns = unix_ns;
    b->interval_s = interval_s;
    for (size_t i = 0; i < b->n; i++) {
        b->points[i].delta = 0;
        b->points[i].is_set = b->points[i].series->kind == FR_SERIES_COUNTER;
    }
}

/* Gauges that nobody set make room; the others keep their order. */
void fr_board_end(fr_board *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (b->points[i].is_set)
            b->points[kept++] = b->points[i];
        else
            point_fini(&b->points[i]);
    }
    b->n = kept;
    fr_board_unlock(b);
}

/* Names of models come from elsewhere: what is no UTF-8 would be no JSON either. Owned. */
static char *label_text(const char *text)
{
    char *out = fr_dup(text);
    json_t *as_json = json_string(out);
    for (char *c = out; as_json == NULL && *c != '\0'; c++)
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    json_decref(as_json);
    return out;
}

static bool is_label(const fr_label *l)
{
    return l->value != NULL && l->value[0] != '\0';
}

static uint64_t hash_of(const fr_series *s, const fr_label *labels, size_t n)
{
    uint64_t hash = fr_hash64(&s, sizeof s, 0);
    for (size_t i = 0; i < n; i++) {
        if (!is_label(&labels[i]))
            continue;
        hash = fr_hash64(labels[i].key, strlen(labels[i].key) + 1, hash);
        hash = fr_hash64(labels[i].value, strlen(labels[i].value) + 1, hash);
    }
    return hash;
}

static bool has_labels(const fr_point *p, const fr_label *labels, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_label(&labels[i]))
            continue;
        if (at == p->n_labels || strcmp(p->labels[at].key, labels[i].key) != 0 ||
            strcmp(p->labels[at].value, labels[i].value) != 0)
            return false;
        at++;
    }
    return at == p->n_labels;
}

/* The point of that name and those labels, made when it is new; NULL: the board is full. */
static fr_point *point_of(fr_board *b, const char *name, const fr_label *labels, size_t n)
{
    const fr_series *s = fr_series_find(name);
    assert(s != NULL && n <= FR_LABELS_MOST);
    uint64_t hash = hash_of(s, labels, n);
    for (size_t i = 0; i < b->n; i++) {
        fr_point *p = &b->points[i];
        if (p->hash == hash && p->series == s && has_labels(p, labels, n))
            return p;
    }
    if (b->n == POINTS_MOST)
        return NULL;
    FR_GROW(b->points, b->n, b->cap);
    fr_point *p = &b->points[b->n++];
    *p = (fr_point){ .series = s, .hash = hash, .start_unix_ns = b->unix_ns };
    p->start_unix_ns -= (int64_t)(b->interval_s * 1e9);
    for (size_t i = 0; i < n; i++) {
        if (is_label(&labels[i]))
            p->labels[p->n_labels++] = (fr_label){ labels[i].key, label_text(labels[i].value) };
    }
    return p;
}

void fr_board_set(fr_board *b, const char *name, double value, const fr_label *labels, size_t n)
{
    fr_point *p = isfinite(value) ? point_of(b, name, labels, n) : NULL;
    if (p == NULL)
        return;
    p->value = value;
    p->is_set = true;
}

void fr_board_add(fr_board *b, const char *name, double delta, const fr_label *labels, size_t n)
{
    fr_point *p = isfinite(delta) ? point_of(b, name, labels, n) : NULL;
    if (p == NULL)
        return;
    assert(p->series->kind == FR_SERIES_COUNTER);
    p->is_set = true;
    if (delta <= 0)
        return;
    p->delta += delta;
    p->value += delta;
}

void fr_board_count(fr_board *b, const char *name, double total, const fr_label *labels, size_t n)
{
    fr_point *p = isfinite(total) ? point_of(b, name, labels, n) : NULL;
    if (p == NULL)
        return;
    double grown = total >= p->total ? total - p->total : total; /* it was started anew */
    p->total = total;
    fr_board_add(b, name, grown, labels, n);
}

const fr_point *fr_board_points(const fr_board *b, size_t *n)
{
    *n = b->n;
    return b->points;
}

int64_t fr_board_unix_ns(const fr_board *b)
{
    return b->unix_ns;
}

double fr_board_interval_s(const fr_board *b)
{
    return b->interval_s;
}

double fr_board_value(const fr_board *b, const char *name, const char *key, const char *of)
{
    for (size_t i = 0; i < b->n; i++) {
        const fr_point *p = &b->points[i];
        bool fits = strcmp(p->series->name, name) == 0 && key == NULL;
        for (size_t k = 0; k < p->n_labels && key != NULL; k++)
            fits |= strcmp(p->series->name, name) == 0 && strcmp(p->labels[k].key, key) == 0 &&
                    strcmp(p->labels[k].value, of) == 0;
        if (fits)
            return p->value;
    }
    return NAN;
}

/* ---- what a meter and its gauges tell ---- */

static void put_device(fr_board *b, const fr_device_reading *d, double seconds)
{
    const char *kind = fr_device_kind_name(d->kind), *method = fr_method_name(d->method);
    if (seconds > 0) {
        fr_board_set(b, "frugal_power_watts", d->machine_j / seconds,
                     FR_LABELS({ "device", d->name }, { "kind", kind }, { "method", method }));
        fr_board_set(b, "frugal_power_low_watts", d->machine_low_j / seconds,
                     FR_LABELS({ "device", d->name }, { "kind", kind }, { "method", method }));
        fr_board_set(b, "frugal_power_high_watts", d->machine_high_j / seconds,
                     FR_LABELS({ "device", d->name }, { "kind", kind }, { "method", method }));
    }
    fr_board_add(b, "frugal_energy_joules_total", d->idle_j,
                 FR_LABELS({ "device", d->name }, { "kind", kind }, { "part", "idle" },
                           { "method", method }));
    fr_board_add(b, "frugal_energy_joules_total", d->machine_j - d->idle_j,
                 FR_LABELS({ "device", d->name }, { "kind", kind }, { "part", "work" },
                           { "method", method }));
}

void fr_board_put_reading(fr_board *b, const fr_reading *window, const fr_place *place,
                          double embodied_g)
{
    for (size_t i = 0; i < window->n_devices; i++)
        put_device(b, &window->devices[i], window->duration_s);
    fr_carbon carbon = fr_carbon_of(fr_reading_machine(window), place, 0);
    const char *zone = place->zone != NULL ? place->zone : place->region;
    const char *method = fr_method_name(fr_reading_machine(window).method);
    char year[16] = "";
    if (place->year > 0)
        snprintf(year, sizeof year, "%d", place->year);
    fr_board_add(b, "frugal_carbon_grams_total", carbon.operational_g,
                 FR_LABELS({ "zone", zone }, { "method", method }));
    fr_board_add(b, "frugal_embodied_carbon_grams_total", embodied_g,
                 FR_LABELS({ "method", "modelled" }));
    fr_board_set(b, "frugal_grid_intensity_grams_per_kwh", place->intensity_g_per_kwh,
                 FR_LABELS({ "zone", zone }, { "basis", place->basis }, { "year", year },
                           { "source", place->source },
                           { "assumed", place->assumed ? "true" : "" }));
    fr_board_set(b, "frugal_pue_ratio", place->pue, FR_LABELS({ "source", place->pue_source }));
    fr_energy own = fr_reading_active(window, FR_DEVICE_NONE);
    fr_board_add(b, "frugal_monitor_energy_joules_total", own.value_j,
                 FR_LABELS({ "method", fr_method_name(own.method) }));
}

void fr_board_put_gauges(fr_board *b, const fr_gauge *gauges, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fr_board_set(b, gauges[i].name, gauges[i].value,
                     FR_LABELS({ gauges[i].key, gauges[i].of }));
}
