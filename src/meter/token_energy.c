#include "meter/token_energy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/mem.h"

#define INTERVALS_MOST  720
#define INTERVALS_LEAST 10
#define QUIET_LEAST     3
#define SPANS           10
#define T_95_OF_9       2.262 /* Student's t, two-sided 95%, SPANS - 1 degrees of freedom */
#define MODELS          FR_SERVED_MODELS
#define FLAT_RATIO      1e-6 /* a pivot below this part of its diagonal: the columns are one */

typedef struct {
    double seconds, energy_j, low_j, high_j;
    double generated[MODELS], prompt[MODELS];
    bool quiet;
} interval;

struct fr_token_energy {
    interval ring[INTERVALS_MOST];
    size_t first, n;
    char models[MODELS][128];
    size_t n_models;
    fr_served_counts last;
    bool has_last;
    fr_method method;
};

fr_token_energy *fr_token_energy_new(void)
{
    return FR_NEW(fr_token_energy);
}

void fr_token_energy_free(fr_token_energy *t)
{
    free(t);
}

/* ---- intervals ---- */

static size_t column_of(fr_token_energy *t, const char *model)
{
    for (size_t i = 0; i < t->n_models; i++) {
        if (strcmp(t->models[i], model) == 0)
            return i;
    }
    if (t->n_models == MODELS)
        return MODELS - 1;
    snprintf(t->models[t->n_models], sizeof t->models[0], "%s", model);
    return t->n_models++;
}

static const fr_served_model *find(const fr_served_counts *counts, const char *model)
{
    for (size_t i = 0; i < counts->n_models; i++) {
        if (strcmp(counts->models[i].model, model) == 0)
            return &counts->models[i];
    }
    return NULL;
}

/* false: a counter went back, so what was counted in between is not known. */
static bool differences(fr_token_energy *t, const fr_served_counts *now, interval *out)
{
    bool busy = false;
    for (size_t i = 0; i < now->n_models; i++) {
        const fr_served_model *m = &now->models[i], *before = find(&t->last, m->model);
        fr_served_model zero = { .running = NAN };
        before = before != NULL ? before : &zero; /* a model that is loaded now begins at 0 */
        double generated = m->generated_tokens - before->generated_tokens;
        double prompt = m->prompt_tokens - before->prompt_tokens;
        if (generated < 0 || prompt < 0)
            return false;
        size_t c = column_of(t, m->model);
        out->generated[c] += generated;
        out->prompt[c] += prompt;
        busy |= generated > 0 || prompt > 0 || m->running > 0 || before->running > 0;
    }
    for (size_t i = 0; i < t->last.n_models; i++) { /* one that is gone was perhaps at work */
        const fr_served_model *m = &t->last.models[i];
        busy |= find(now, m->model) == NULL || m->running > 0;
    }
    out->quiet = !busy;
    return true;
}

void fr_token_energy_add(fr_token_energy *t, const fr_served_counts *counts, fr_energy machine,
                         double seconds)
{
    bool had = t->has_last;
    interval now = { seconds, machine.value_j, machine.low_j, machine.high_j, { 0 }, { 0 }, false };
    bool counts_it = counts != NULL && had && seconds > 0 && isfinite(machine.value_j) &&
                     strcmp(t->last.engine, counts->engine) == 0 && differences(t, counts, &now);
    t->has_last = counts != NULL;
    if (counts != NULL)
        t->last = *counts;
    if (!counts_it)
        return;
    t->method = t->n == 0 || t->method == machine.method ? machine.method : FR_METHOD_MIXED;
    if (t->n == INTERVALS_MOST)
        t->first = (t->first + 1) % INTERVALS_MOST;
    else
        t->n++;
    t->ring[(t->first + t->n - 1) % INTERVALS_MOST] = now;
}

/* ---- estimates ---- */

typedef struct {
    fr_token_way way;
    double idle_w, token_j[MODELS];
} estimate;

/* a x = b for a symmetric positive a, in place (Cholesky); false when columns cannot be told apart.
 */
static bool solve(size_t n, double a[MODELS + 1][MODELS + 1], double b[MODELS + 1])
{
    for (size_t j = 0; j < n; j++) {
        double pivot = a[j][j], was = pivot;
        for (size_t k = 0; k < j; k++)
            pivot -= a[j][k] * a[j][k];
        if (!(pivot > FLAT_RATIO * was) || was <= 0)
            return false;
        a[j][j] = sqrt(pivot);
        for (size_t i = j + 1; i < n; i++) {
            double sum = a[i][j];
            for (size_t k = 0; k < j; k++)
                sum -= a[i][k] * a[j][k];
            a[i][j] = sum / a[j][j];
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
    }
    return true;
}

static const interval *at(const fr_token_energy *t, size_t i)
{
    return &t->ring[(t->first + i) % INTERVALS_MOST];
}

/* Least squares of the draw on the rates, weighted by time; with `idle_w` given, through it. */
static bool fit(const fr_token_energy *t, size_t skip_from, size_t skip_to, double idle_w,
                estimate *out)
{
    double a[MODELS + 1][MODELS + 1] = { { 0 } }, b[MODELS + 1] = { 0 };
    size_t columns[MODELS], n = 0, first = isnan(idle_w) ? 1 : 0;
    for (size_t c = 0; c < t->n_models; c++) {
        double sum = 0;
        for (size_t i = 0; i < t->n; i++)
            sum += i >= skip_from && i < skip_to ? 0 : at(t, i)->generated[c];
        if (sum > 0)
            columns[n++] = c;
    }
    if (n == 0)
        return false;
    for (size_t i = 0; i < t->n; i++) {
        const interval *x = at(t, i);
        if (i >= skip_from && i < skip_to)
            continue;
        double row[MODELS + 1] = { 1 };
        for (size_t k = 0; k < n; k++)
            row[first + k] = x->generated[columns[k]] / x->seconds;
        double y = x->energy_j / x->seconds - (first == 0 ? idle_w : 0);
        for (size_t j = 0; j < first + n; j++) {
            for (size_t k = 0; k < first + n; k++)
                a[j][k] += x->seconds * row[j] * row[k];
            b[j] += x->seconds * row[j] * y;
        }
    }
    if (!solve(first + n, a, b))
        return false;
    out->idle_w = first == 1 ? b[0] : idle_w;
    for (size_t k = 0; k < n; k++)
        out->token_j[columns[k]] = b[first + k];
    return true;
}

/* With one model at work, all that was drawn above the idle is its tokens': no matter when in the
 * interval, or in which, the engine counted them. */
static bool ratio(const fr_token_energy *t, size_t skip_from, size_t skip_to, double idle_w,
                  estimate *out)
{
    double tokens[MODELS] = { 0 }, above_j = 0;
    size_t n = 0, only = 0;
    for (size_t i = 0; i < t->n; i++) {
        const interval *x = at(t, i);
        if (i >= skip_from && i < skip_to)
            continue;
        above_j += x->quiet ? 0 : x->energy_j - idle_w * x->seconds;
        for (size_t c = 0; c < t->n_models; c++)
            tokens[c] += x->generated[c];
    }
    for (size_t c = 0; c < t->n_models; c++) {
        only = tokens[c] > 0 ? c : only;
        n += tokens[c] > 0;
    }
    if (n != 1)
        return false;
    out->idle_w = idle_w;
    out->token_j[only] = above_j / tokens[only];
    return true;
}

static void estimate_of(const fr_token_energy *t, size_t skip_from, size_t skip_to, estimate *out)
{
    double quiet_s = 0, quiet_j = 0;
    size_t n_quiet = 0;
    *out = (estimate){ .idle_w = NAN };
    for (size_t c = 0; c < MODELS; c++)
        out->token_j[c] = NAN;
    for (size_t i = 0; i < t->n; i++) {
        if (!at(t, i)->quiet || (i >= skip_from && i < skip_to))
            continue;
        quiet_s += at(t, i)->seconds;
        quiet_j += at(t, i)->energy_j;
        n_quiet++;
    }
    if (n_quiet >= QUIET_LEAST) {
        double idle_w = quiet_j / quiet_s;
        out->idle_w = idle_w;
        if (ratio(t, skip_from, skip_to, idle_w, out) || fit(t, skip_from, skip_to, idle_w, out))
            out->way = FR_TOKENS_BY_QUIET;
        return;
    }
    if (fit(t, skip_from, skip_to, NAN, out))
        out->way = FR_TOKENS_BY_FIT;
}

/* Half of the 95% interval, from leaving out each span of time in turn. */
static void error_of(const fr_token_energy *t, const estimate *whole, double *idle_w,
                     double token_j[MODELS])
{
    double sum[MODELS + 1] = { 0 }, squares[MODELS + 1] = { 0 };
    size_t n = 0;
    for (size_t s = 0; s < SPANS; s++) {
        estimate part;
        estimate_of(t, t->n * s / SPANS, t->n * (s + 1) / SPANS, &part);
        bool same = part.way == whole->way;
        for (size_t c = 0; c < t->n_models && same; c++)
            same = isnan(part.token_j[c]) == isnan(whole->token_j[c]);
        if (!same)
            continue;
        n++;
        for (size_t c = 0; c <= t->n_models; c++) {
            double v = c < t->n_models ? part.token_j[c] : part.idle_w;
            sum[c] += v;
            squares[c] += v * v;
        }
    }
    for (size_t c = 0; c <= t->n_models; c++) {
        double mean = sum[c] / (double)n;
        double spread = fmax(squares[c] / (double)n - mean * mean, 0);
        /* a span that cannot be left out: the figure hangs on it alone, and nobody knows how far */
        double half = n < SPANS ? INFINITY : T_95_OF_9 * sqrt((SPANS - 1) * spread);
        if (c < t->n_models)
            token_j[c] = half;
        else
            *idle_w = half;
    }
}

typedef struct {
    double seconds, energy_j, low_j, high_j, generated[MODELS], prompt[MODELS];
    size_t n_quiet;
} totals;

static totals total_of(const fr_token_energy *t)
{
    totals sum = { 0 };
    for (size_t i = 0; i < t->n; i++) {
        const interval *x = at(t, i);
        sum.seconds += x->seconds;
        sum.energy_j += x->energy_j;
        sum.low_j += x->low_j;
        sum.high_j += x->high_j;
        sum.n_quiet += x->quiet;
        for (size_t c = 0; c < t->n_models; c++) {
            sum.generated[c] += x->generated[c];
            sum.prompt[c] += x->prompt[c];
        }
    }
    return sum;
}

/* value ± half, with the meter's own range on top; what is drawn is never below nothing. */
static void range_of(double value, double half, const totals *sum, double *low, double *high)
{
    double down = sum->energy_j > 0 ? sum->low_j / sum->energy_j : 1;
    double up = sum->energy_j > 0 ? sum->high_j / sum->energy_j : 1;
    *low = fmax((value - half) * (value > half ? down : 1), 0);
    *high = (value + half) * up;
}

size_t fr_token_energy_tell(const fr_token_energy *t, fr_token_cost out[FR_SERVED_MODELS])
{
    totals sum = total_of(t);
    estimate e;
    double idle_half = NAN, half[MODELS] = { 0 };
    double n_models = (double)FR_MAX(t->n_models, (size_t)1);
    bool enough = t->n >= INTERVALS_LEAST;
    estimate_of(t, 0, 0, &e);
    if (enough)
        error_of(t, &e, &idle_half, half);
    for (size_t c = 0; c < t->n_models; c++) {
        fr_token_cost *o = &out[c];
        *o = (fr_token_cost){ .method = t->method,
                              .token_j = NAN,
                              .low_j = NAN,
                              .high_j = NAN,
                              .all_j = NAN,
                              .idle_w = NAN,
                              .idle_low_w = NAN,
                              .idle_high_w = NAN,
                              .generated_tokens = sum.generated[c],
                              .prompt_tokens = sum.prompt[c],
                              .seconds = sum.seconds,
                              .n_intervals = t->n,
                              .n_quiet = sum.n_quiet };
        snprintf(o->model, sizeof o->model, "%s", t->models[c]);
        if (!enough)
            continue;
        if (e.way != FR_TOKENS_UNTOLD || sum.n_quiet >= QUIET_LEAST) {
            o->idle_w = e.idle_w / n_models;
            range_of(o->idle_w, idle_half / n_models, &sum, &o->idle_low_w, &o->idle_high_w);
        }
        if (!(sum.generated[c] > 0))
            continue;
        o->way = FR_TOKENS_WHOLE;
        if (t->n_models == 1)
            o->all_j = sum.energy_j / sum.generated[c];
        if (isnan(e.token_j[c]))
            continue;
        o->way = e.way;
        range_of(e.token_j[c], half[c], &sum, &o->low_j, &o->high_j);
        o->token_j = fmax(e.token_j[c], 0); /* others' work fell while tokens were made: noise */
        o->high_j = fmax(o->high_j, 0);
        if (t->n_models > 1)
            o->all_j = o->token_j + o->idle_w * sum.seconds / sum.generated[c];
    }
    return t->n_models;
}

const char *fr_token_way_text(fr_token_way way)
{
    static const char *const TEXTS[] = { "too few intervals yet",
                                         "the load never changed: only the whole is known",
                                         "intervals with and without requests",
                                         "the draw by the rate of tokens" };
    return (unsigned)way < FR_COUNT_OF(TEXTS) ? TEXTS[way] : TEXTS[0];
}
