#include "meter/past.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "meter/meter_priv.h"
#include "meter/past_priv.h"
#include "tables/tables.h"

#define DEVICES_MOST   4096
#define WRONG_MOST     0.1 /* of the rows */
#define GAP_PERIODS    4.0 /* so many usual distances without a sample are a gap */
#define GAP_LEAST_S    5.0
#define BUCKET_S       3600.0
#define BUCKETS_A_LIFE 60
#define TDP_UNSAID_W   300.0
#define NS             1e9
#define TIME_MOST_S    9000000000           /* in the year 2255; nanoseconds fit */
#define SPAN_MOST_S    (20 * 366 * 86400.0) /* of one record */

void fr_past_fini(fr_past *past)
{
    for (size_t i = 0; i < past->n; i++)
        free(past->devices[i].samples);
    free(past->devices);
    *past = (fr_past){ 0 };
}

fr_past_device *fr_past_device_of(fr_past *past, const char *key)
{
    for (size_t i = 0; i < past->n; i++) {
        if (strcmp(past->devices[i].key, key) == 0)
            return &past->devices[i];
    }
    if (past->n == DEVICES_MOST)
        return NULL;
    FR_GROW(past->devices, past->n, past->cap);
    fr_past_device *d = &past->devices[past->n++];
    *d = (fr_past_device){ .kind = FR_DEVICE_GPU, .limit_w = NAN, .count = 1 };
    snprintf(d->key, sizeof d->key, "%s", key);
    return d;
}

void fr_past_add(fr_past_device *device, const fr_past_sample *sample)
{
    FR_GROW(device->samples, device->n, device->cap);
    device->samples[device->n++] = *sample;
}

void fr_past_wrong(fr_past *past, const char *fmt, ...)
{
    if (past->n_wrong < FR_PAST_WRONG_SHOWN) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(past->wrong[past->n_wrong], sizeof past->wrong[0], fmt, args);
        va_end(args);
    }
    past->n_wrong++;
}

int fr_past_check(const fr_past *past, const char *name, fr_err *err)
{
    const char *first = past->n_wrong > 0 ? past->wrong[0] : "it is empty";
    if (past->n_rows == 0)
        return fr_fail(err, FR_E_FORMAT,
                       "It should be what nvidia-smi --format=csv wrote, or an "
                       "answer of GetMetricData.",
                       "'%s' has no sample: %s", name, first);
    if ((double)past->n_wrong > WRONG_MOST * (double)(past->n_rows + past->n_wrong))
        return fr_fail(err, FR_E_FORMAT,
                       "Is it the right file? Cut away what does not belong to it.",
                       "%zu of %zu rows of '%s' do not parse: %s", past->n_wrong,
                       past->n_rows + past->n_wrong, name, first);
    return 0;
}

/* ---- time ---- */

/* strptime takes the 31st of February, and timegm makes a day of March of it. */
static bool is_a_day(const struct tm *parts)
{
    struct tm day = { .tm_year = parts->tm_year,
                      .tm_mon = parts->tm_mon,
                      .tm_mday = parts->tm_mday };
    return timegm(&day) != -1 && day.tm_mday == parts->tm_mday;
}

static bool same_wall_clock(time_t at, const struct tm *wanted)
{
    struct tm is;
    localtime_r(&at, &is);
    return is.tm_hour == wanted->tm_hour && is.tm_min == wanted->tm_min &&
           is.tm_sec == wanted->tm_sec && is.tm_mday == wanted->tm_mday;
}

/* A time of the zone in TZ. An hour that comes twice has two answers: the first not before the last
 * row is taken. */
static time_t of_local(struct tm *parts, int64_t after_ns)
{
    struct tm guess = *parts;
    guess.tm_isdst = -1;
    time_t t = mktime(&guess), found = t;
    if (t <= 0 || t > TIME_MOST_S)
        return -1;
    bool has = false;
    for (int hour = -1; hour <= 1; hour++) { /* earliest first */
        time_t at = t + hour * 3600;
        if (!same_wall_clock(at, parts))
            continue;
        if (!has || (after_ns != 0 && (int64_t)found * 1000000000 < after_ns - 1000000000))
            found = at;
        has = true;
    }
    return found;
}

bool fr_past_time(fr_str text, int64_t after_ns, int64_t *unix_ns)
{
    char s[64];
    double seconds;
    text = fr_str_trim(text);
    if (fr_str_to_f64(text, &seconds)) {
        if (!(seconds > 0 && seconds < TIME_MOST_S))
            return false;
        *unix_ns = (int64_t)llround(seconds * NS);
        return true;
    }
    if (text.n == 0 || text.n >= sizeof s)
        return false;
    memcpy(s, text.at, text.n);
    s[text.n] = '\0';
    for (char *c = s; *c != '\0' && c < s + 10; c++)
        *c = *c == '/' ? '-' : *c;
    struct tm parts = { 0 };
    const char *end = strptime(s, "%Y-%m-%d", &parts);
    if (end == NULL || (*end != ' ' && *end != 'T') || !is_a_day(&parts))
        return false;
    end = strptime(end + 1, "%H:%M:%S", &parts);
    if (end == NULL)
        return false;
    double fraction = 0;
    if (*end == '.') {
        char *after;
        fraction = strtod(end, &after);
        end = after;
    }
    time_t t;
    int hours = 0, minutes = 0;
    char sign = '+';
    if (*end == '\0')
        t = of_local(&parts, after_ns);
    else if (strcmp(end, "Z") == 0)
        t = timegm(&parts);
    else if (sscanf(end, "%c%2d:%2d", &sign, &hours, &minutes) == 3 &&
             (sign == '+' || sign == '-') && strlen(end) == 6)
        t = timegm(&parts) - (sign == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
    else
        return false;
    if (t <= 0 || t > TIME_MOST_S)
        return false;
    *unix_ns = (int64_t)t * 1000000000 + (int64_t)(fraction * NS);
    return true;
}

/* ---- models of draw ---- */

/* Words of a name in lower case: letters and digits. */
static bool next_word(const char **at, char out[32])
{
    const char *c = *at;
    size_t n = 0;
    while (*c != '\0' && !isalnum((unsigned char)*c))
        c++;
    while (isalnum((unsigned char)*c)) {
        if (n < 31)
            out[n++] = (char)tolower((unsigned char)*c);
        c++;
    }
    out[n] = '\0';
    *at = c;
    return n > 0;
}

/* SXM, SXM4 and SXM5 are one word, since the table and drivers differ in it. */
static void fold(char word[32])
{
    if (strncmp(word, "sxm", 3) == 0)
        word[3] = '\0';
}

static bool has_word(const char *name, const char *wanted)
{
    char word[32];
    while (next_word(&name, word)) {
        fold(word);
        if (strcmp(word, wanted) == 0)
            return true;
    }
    return false;
}

static bool has_digit(const char *word)
{
    return strpbrk(word, "0123456789") != NULL;
}

/*
 * The row must have the name's model (its first word with a digit: A100, H100, 4090); of those the
 * one with most words in common, then with fewest of its own.
 */
bool fr_past_accelerator(const char *name, size_t *row)
{
    const fr_table *t = fr_table_find("accelerators");
    size_t column = fr_table_column(t, "name");
    char model[32] = "", word[32];
    const char *at = name;
    while (model[0] == '\0' && next_word(&at, word)) {
        if (has_digit(word))
            snprintf(model, sizeof model, "%s", word);
    }
    int best = -1000;
    for (size_t r = 0; r < fr_table_n_rows(t) && model[0] != '\0'; r++) {
        const char *known = fr_table_text(t, r, column);
        if (!has_word(known, model))
            continue;
        int score = 0;
        for (at = known; next_word(&at, word);) {
            fold(word);
            score += has_word(name, word) ? 3 : -1;
        }
        if (score > best) {
            best = score;
            *row = r;
        }
    }
    return best > -1000;
}

static void accelerator_curve(const fr_past_device *d, fr_curve *out, const char **source)
{
    static const double AT[FR_CURVE_POINTS] = { 0, 0.1, 0.5, 1 };
    const fr_table *t = fr_table_find("accelerators");
    fr_constant idle = fr_constant_of("gpu_idle_of_tdp_ratio");
    double most_w = TDP_UNSAID_W, known_idle_w = NAN;
    size_t row;
    const char *from = "no row of data/accelerators.csv fits: 300 W assumed";
    if (fr_past_accelerator(d->model, &row)) {
        fr_table_f64(t, row, fr_table_column(t, "tdp_w"), &most_w);
        fr_table_f64(t, row, fr_table_column(t, "idle_w"), &known_idle_w);
        from = fr_table_text(t, row, fr_table_column(t, "name"));
    }
    double tdp_w = most_w;
    if (d->limit_w > 0)
        most_w = d->limit_w;
    for (size_t i = 0; i < FR_CURVE_POINTS; i++) {
        double u = AT[i], rest = isfinite(known_idle_w) ? known_idle_w : idle.mid * tdp_w;
        out->at_w[i] = (fr_range){ idle.low * tdp_w * (1 - u) + 0.6 * most_w * u,
                                   rest * (1 - u) + 0.85 * most_w * u,
                                   idle.high * tdp_w * (1 - u) + 1.0 * most_w * u };
    }
    *source = fr_source_f("model accelerator-by-utilization 1 (%s)", from);
}

bool fr_past_instance_f64(const char *instance, const char *column, double *out)
{
    const fr_table *t = fr_table_find("instances");
    size_t row;
    if (instance == NULL)
        return false;
    if (strncmp(instance, "ml.", 3) == 0)
        instance += 3;
    return fr_table_lookup(t, "instance", instance, &row) &&
           fr_table_f64(t, row, fr_table_column(t, column), out);
}

/* false: no watts of that instance are known. */
static bool instance_curve(const fr_past_device *d, fr_curve *out, const char **source)
{
    static const char *const COLUMNS[FR_CURVE_POINTS] = { "host_idle_w", "host_10_w", "host_50_w",
                                                          "host_max_w" };
    for (size_t i = 0; i < FR_CURVE_POINTS; i++) {
        double w;
        if (!fr_past_instance_f64(d->model, COLUMNS[i], &w))
            return false;
        out->at_w[i] = (fr_range){ 0.6 * w, w, 1.4 * w }; /* modelled from one host of the kind */
    }
    *source = fr_source_f("model instance-curve 1 (%s)", d->model);
    return true;
}

/* ---- verdict ---- */

static int by_time(const void *a, const void *b)
{
    const fr_past_sample *x = a, *y = b;
    return (x->unix_ns > y->unix_ns) - (x->unix_ns < y->unix_ns);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What several series told of one moment becomes one sample. The samples are sorted. */
static void put_together(fr_past_device *d)
{
    size_t kept = 0;
    for (size_t i = 1; i < d->n; i++) {
        fr_past_sample *a = &d->samples[kept], *b = &d->samples[i];
        if (a->unix_ns != b->unix_ns) {
            d->samples[++kept] = *b;
            continue;
        }
        a->utilization_ratio =
            isnan(a->utilization_ratio) ? b->utilization_ratio : a->utilization_ratio;
        a->memory_ratio = isnan(a->memory_ratio) ? b->memory_ratio : a->memory_ratio;
        a->power_w = isnan(a->power_w) ? b->power_w : a->power_w;
        a->pstate = a->pstate < 0 ? b->pstate : a->pstate;
    }
    d->n = d->n > 0 ? kept + 1 : 0;
}

/* A stretch of time with one draw and one utilization. */
typedef struct {
    int64_t from_ns, to_ns;
    fr_range w;
    double utilization, memory;
    int pstate;
} stretch;

static double usual_distance_s(const fr_past_device *d)
{
    double *distances = FR_NEW_N(double, d->n);
    size_t n = 0;
    for (size_t i = 1; i < d->n; i++) {
        if (d->samples[i].unix_ns > d->samples[i - 1].unix_ns)
            distances[n++] = (double)(d->samples[i].unix_ns - d->samples[i - 1].unix_ns) / NS;
    }
    fr_sort(distances, n, sizeof distances[0], by_value);
    double median = n > 0 ? distances[n / 2] : 0;
    free(distances);
    return median;
}

typedef struct {
    fr_curve curve;
    bool has_curve;
    const char *curve_source;
    double error_ratio; /* of a recorded draw */
} draw_model;

/* false: neither draw nor a utilization that a model could use. */
static bool draw_of(const draw_model *m, double power_w, double utilization, fr_range *out,
                    bool *measured)
{
    *measured = isfinite(power_w);
    if (*measured) {
        *out =
            (fr_range){ power_w * (1 - m->error_ratio), power_w, power_w * (1 + m->error_ratio) };
        return true;
    }
    if (!m->has_curve || !isfinite(utilization))
        return false;
    *out = fr_curve_w(&m->curve, utilization);
    return true;
}

static double mean_of(double a, double b)
{
    return isnan(a) ? b : isnan(b) ? a : (a + b) / 2;
}

/* The stretch that begins at sample i; false: a gap. */
static bool stretch_of(const fr_past_device *d, const draw_model *m, size_t i, double gap_s,
                       stretch *out, bool *measured)
{
    const fr_past_sample *a = &d->samples[i], *b = i + 1 < d->n ? &d->samples[i + 1] : NULL;
    double power_w = a->power_w, utilization = a->utilization_ratio;
    *out = (stretch){ .from_ns = a->unix_ns, .memory = a->memory_ratio, .pstate = a->pstate };
    if (a->period_s > 0) {
        out->to_ns = a->unix_ns + (int64_t)(a->period_s * NS);
        if (b != NULL)
            out->to_ns = FR_MIN(out->to_ns, b->unix_ns);
    } else {
        if (b == NULL || (double)(b->unix_ns - a->unix_ns) / NS > gap_s)
            return false;
        out->to_ns = b->unix_ns;
        power_w = isnan(a->power_w) || isnan(b->power_w) ? NAN : (a->power_w + b->power_w) / 2;
        utilization = mean_of(utilization, b->utilization_ratio);
    }
    out->utilization = utilization;
    return out->to_ns > out->from_ns && draw_of(m, power_w, utilization, &out->w, measured);
}

/* The lowest twentieth of the recorded draw. */
static double lowest_w(const fr_past_device *d)
{
    double *watts = FR_NEW_N(double, d->n), low = NAN;
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (isfinite(d->samples[i].power_w))
            watts[n++] = d->samples[i].power_w;
    }
    fr_sort(watts, n, sizeof watts[0], by_value);
    if (n > 0)
        low = watts[n / 20];
    free(watts);
    return low;
}

static void add_to_buckets(fr_past_verdict *v, int64_t bucket_ns, const stretch *s, double count)
{
    for (int64_t from = s->from_ns; from < s->to_ns;) {
        size_t at = (size_t)((from - v->buckets[0].start_unix_ns) / bucket_ns);
        at = FR_MIN(at, v->n_buckets - 1);
        fr_past_bucket *b = &v->buckets[at];
        int64_t to =
            at + 1 < v->n_buckets ? FR_MIN(s->to_ns, b->start_unix_ns + bucket_ns) : s->to_ns;
        double seconds = (double)(to - from) / NS * count;
        double idle = FR_MIN(v->idle_w, s->w.mid), ratio = s->w.mid > 0 ? idle / s->w.mid : 0;
        b->idle_j += idle * seconds;
        b->idle_low_j += s->w.low * ratio * seconds;
        b->idle_high_j += s->w.high * ratio * seconds;
        b->work_j += (s->w.mid - idle) * seconds;
        b->work_low_j += s->w.low * (1 - ratio) * seconds;
        b->work_high_j += s->w.high * (1 - ratio) * seconds;
        b->end_unix_ns = FR_MAX(b->end_unix_ns, to);
        from = to;
    }
}

static void make_buckets(fr_past_verdict *v, int64_t *bucket_ns)
{
    double span_s = (double)(v->end_unix_ns - v->start_unix_ns) / NS;
    double size_s = FR_MIN(BUCKET_S, FR_MAX(span_s / BUCKETS_A_LIFE, 1));
    *bucket_ns = (int64_t)(size_s * NS);
    int64_t first = v->start_unix_ns - v->start_unix_ns % *bucket_ns; /* whole hours of UTC */
    v->n_buckets = (size_t)((v->end_unix_ns - first) / *bucket_ns) + 1;
    v->buckets = FR_NEW_N(fr_past_bucket, v->n_buckets);
    for (size_t i = 0; i < v->n_buckets; i++)
        v->buckets[i].start_unix_ns = v->buckets[i].end_unix_ns = first + (int64_t)i * *bucket_ns;
}

typedef struct {
    double utilization_s, utilization_sum_s; /* time with a utilization; ratio x time */
    fr_range joules;
    bool any_measured, any_modelled;
} sums;

static void add_stretch(fr_past_verdict *v, sums *sum, const stretch *s, double count)
{
    double seconds = (double)(s->to_ns - s->from_ns) / NS;
    v->covered_s += seconds;
    sum->joules = fr_range_add(sum->joules, fr_range_scale(s->w, seconds * count));
    if (isfinite(s->memory))
        v->memory_most = isnan(v->memory_most) ? s->memory : fmax(v->memory_most, s->memory);
    if (!isfinite(s->utilization))
        return;
    size_t tenth = (size_t)fmin(fmax(s->utilization, 0) * FR_PAST_SHARES, FR_PAST_SHARES - 1);
    v->share[tenth] += seconds;
    sum->utilization_s += seconds;
    sum->utilization_sum_s += s->utilization * seconds;
    if (s->utilization >= FR_PAST_IDLE_RATIO)
        return;
    v->idle_s += seconds;
    v->idle_time_j += s->w.mid * seconds * count;
    v->idle_at_p0_s += s->pstate == 0 ? seconds : 0;
}

static double percentile(const fr_past_device *d, double at)
{
    double *values = FR_NEW_N(double, d->n), out = NAN;
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (isfinite(d->samples[i].utilization_ratio))
            values[n++] = d->samples[i].utilization_ratio;
    }
    fr_sort(values, n, sizeof values[0], by_value);
    if (n > 0)
        out = values[(size_t)(at * (double)(n - 1) + 0.5)];
    free(values);
    return out;
}

static void finish(fr_past_verdict *v, const fr_past_device *d, const sums *sum, const char *source)
{
    bool mixed = sum->any_measured && sum->any_modelled;
    v->energy = (fr_energy){ sum->joules.mid, sum->joules.low, sum->joules.high,
                             mixed               ? FR_METHOD_MIXED
                             : sum->any_measured ? FR_METHOD_MEASURED
                                                 : FR_METHOD_MODELLED,
                             source };
    bool has = sum->utilization_s > 0;
    v->utilization_mean = has ? sum->utilization_sum_s / sum->utilization_s : NAN;
    v->utilization_p95 = percentile(d, 0.95);
    if (!has)
        v->idle_s = v->idle_time_j = v->idle_at_p0_s = NAN;
    for (size_t i = 0; i < FR_PAST_SHARES; i++)
        v->share[i] = has ? v->share[i] / sum->utilization_s : NAN;
    v->gap_s = (double)(v->end_unix_ns - v->start_unix_ns) / NS - v->covered_s;
    size_t kept = 0; /* buckets in which nothing was recorded are none */
    for (size_t i = 0; i < v->n_buckets; i++) {
        if (v->buckets[i].end_unix_ns > v->buckets[i].start_unix_ns)
            v->buckets[kept++] = v->buckets[i];
    }
    v->n_buckets = kept;
}

int fr_past_judge(fr_past_device *d, fr_past_verdict *v, fr_err *err)
{
    *v = (fr_past_verdict){ .memory_most = NAN };
    if (d->n > 0)
        fr_sort(d->samples, d->n, sizeof d->samples[0], by_time);
    put_together(d);
    draw_model m = { .error_ratio = fr_constant_of("nvml_power_error_ratio").high };
    if (d->kind == FR_DEVICE_CPU) {
        m.has_curve = instance_curve(d, &m.curve, &m.curve_source);
    } else {
        accelerator_curve(d, &m.curve, &m.curve_source);
        m.has_curve = true;
    }
    double gap_s = fmax(GAP_PERIODS * usual_distance_s(d), GAP_LEAST_S);
    sums sum = { 0 };
    double low_w = lowest_w(d);
    v->idle_w = isfinite(low_w) ? low_w : m.has_curve ? m.curve.at_w[0].mid : NAN;
    int64_t bucket_ns = 0;
    for (size_t i = 0; i < d->n; i++) { /* the first pass finds begin and end */
        stretch s;
        bool measured;
        if (!stretch_of(d, &m, i, gap_s, &s, &measured))
            continue;
        v->start_unix_ns = v->start_unix_ns == 0 ? s.from_ns : v->start_unix_ns;
        v->end_unix_ns = s.to_ns;
    }
    if (v->end_unix_ns <= v->start_unix_ns)
        return fr_fail(
            err, FR_E_FORMAT,
            "At least two samples with draw or utilization are needed; utilization needs a "
            "model: --accelerator or --instance names it.",
            "%s: no stretch of time whose draw is recorded or could be modelled", d->name);
    if ((double)(v->end_unix_ns - v->start_unix_ns) / NS > SPAN_MOST_S)
        return fr_fail(err, FR_E_FORMAT, "Is a time stamp wrong? Cut the record into parts.",
                       "%s: the samples span more than twenty years", d->name);
    make_buckets(v, &bucket_ns);
    for (size_t i = 0; i < d->n; i++) {
        stretch s;
        bool measured;
        if (!stretch_of(d, &m, i, gap_s, &s, &measured))
            continue;
        sum.any_measured |= measured;
        sum.any_modelled |= !measured;
        add_stretch(v, &sum, &s, d->count);
        add_to_buckets(v, bucket_ns, &s, d->count);
    }
    finish(v, d, &sum, sum.any_modelled ? m.curve_source : "recorded draw");
    return 0;
}

void fr_past_verdict_fini(fr_past_verdict *v)
{
    free(v->buckets);
    *v = (fr_past_verdict){ 0 };
}
