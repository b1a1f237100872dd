#include "adapt/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"

#define PASSES_MAX  2000
#define CHUNK       16
#define LOAD_S      0.1 /* of that time opening is repeated for its mean */
#define LOADS_LEAST 3   /* of short ones */
#define LOADS_MAX   20

typedef struct {
    fr_str *inputs, *outputs;
    char **answers;
    double *scores, *nll;
    size_t *tokens, n;
} rows;

static void rows_init(rows *x, const fr_data *eval)
{
    size_t n = eval->n;
    *x = (rows){ FR_NEW_N(fr_str, n),
                 FR_NEW_N(fr_str, n),
                 FR_NEW_N(char *, n),
                 FR_NEW_N(double, n),
                 FR_NEW_N(double, n),
                 FR_NEW_N(size_t, n),
                 n };
    for (size_t i = 0; i < n; i++) {
        x->inputs[i] = eval->at[i].input;
        x->outputs[i] = eval->at[i].output;
    }
}

static void forget_answers(rows *x)
{
    for (size_t i = 0; i < x->n; i++) {
        free(x->answers[i]);
        x->answers[i] = NULL;
    }
}

static void rows_fini(rows *x)
{
    forget_answers(x);
    free(x->inputs);
    free(x->outputs);
    free(x->answers);
    free(x->scores);
    free(x->nll);
    free(x->tokens);
}

/* ---- quality ------------------------------------------------------------------------------ */

/* Perplexity of all tokens, with a percentile bootstrap over rows. */
static fr_interval perplexity(const rows *x, uint64_t seed)
{
    enum { RESAMPLES = 1000 };
    double nll = 0, tokens = 0;
    for (size_t i = 0; i < x->n; i++) {
        nll += x->nll[i];
        tokens += (double)x->tokens[i];
    }
    double *sample = FR_NEW_N(double, RESAMPLES);
    for (size_t b = 0; b < RESAMPLES; b++) {
        double some = 0, count = 0;
        for (size_t k = 0; k < x->n; k++) {
            size_t i = (size_t)fr_random_below(x->n, seed, FR_RANDOM_BOOTSTRAP, b, k);
            some += x->nll[i];
            count += (double)x->tokens[i];
        }
        sample[b] = exp(some / fmax(count, 1));
        for (size_t k = b; k > 0 && sample[k] < sample[k - 1]; k--) {
            double t = sample[k];
            sample[k] = sample[k - 1];
            sample[k - 1] = t;
        }
    }
    fr_interval q = { exp(nll / fmax(tokens, 1)), sample[24], sample[974], x->n };
    free(sample);
    return q;
}

static int write_predictions(const fr_rung *r, const rows *x, fr_err *err)
{
    FR_AUTO(fr_buf) out = { 0 };
    for (size_t i = 0; i < x->n; i++) {
        json_t *row = json_object();
        json_object_set_new(row, "input", json_stringn(x->inputs[i].at, x->inputs[i].n));
        json_object_set_new(row, "output", json_stringn(x->outputs[i].at, x->outputs[i].n));
        json_object_set_new(row, "prediction",
                            x->answers[i] != NULL ? json_string(x->answers[i]) : json_null());
        json_object_set_new(row, "score", fr_json_number(x->scores[i]));
        char *text = json_dumps(row, JSON_COMPACT);
        fr_buf_put_f(&out, "%s\n", text != NULL ? text : "{}");
        free(text);
        json_decref(row);
    }
    char *path = fr_path_join(r->dir, "predictions.jsonl");
    int rc = fr_file_write(path, fr_buf_str(&out), err);
    free(path);
    return rc;
}

/* ---- windows ------------------------------------------------------------------------------ */

typedef int (*work_fn)(fr_rung *r, rows *x, size_t *n_done, fr_err *err);

/* One phase around a piece of work; what it took is added to *spent. */
static int in_phase(fr_run *run, const char *name, fr_rung *r, rows *x, work_fn work,
                    fr_spent *spent, size_t *n_done, fr_err *err)
{
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    fr_err dropped = { 0 };
    FR_TRY(fr_phase_begin(run, "phase", name, &phase, err));
    int rc = work(r, x, n_done, err);
    int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : &dropped);
    if (ended == 0)
        *spent = fr_spent_add(*spent, fr_spent_of(&used));
    return rc != 0 ? rc : ended;
}

static int do_open(fr_rung *r, rows *x, size_t *n_done, fr_err *err)
{
    (void)x;
    (void)n_done;
    return r->kind->open(r, err);
}

/* Opening is short and happens once: it is done a few times over, and the mean is its line. What
 * the repetitions took is not hidden: it counts as evaluation. */
static int load(fr_run *run, fr_rung *r, rows *x, fr_outcome *out, fr_err *err)
{
    fr_spent all = fr_spent_none();
    size_t n = 0, none = 0;
    do {
        if (n != 0 && r->kind->close != NULL)
            r->kind->close(r);
        int rc = in_phase(run, "load", r, x, do_open, &all, &none, err);
        if (rc != 0) {
            out->evaluate = all;
            return rc;
        }
        n++;
    } while (r->energy_inside && r->kind->close != NULL && n < LOADS_MAX &&
             all.duration_s < (n < LOADS_LEAST ? 1 : LOAD_S) * r->measure_s);
    out->load = fr_spent_scale(all, 1.0 / (double)n);
    out->evaluate = fr_spent_scale(all, (double)(n - 1) / (double)n);
    return 0;
}

static int do_answer_all(fr_rung *r, rows *x, size_t *n_done, fr_err *err)
{
    fr_rung_doing(r, "answering eval");
    FR_TRY(r->kind->answer(r, x->inputs, x->n, r->together, x->answers, err));
    *n_done += x->n;
    return 0;
}

static int do_likelihood(fr_rung *r, rows *x, size_t *n_done, fr_err *err)
{
    (void)n_done;
    fr_rung_doing(r, "reading eval");
    return r->kind->likelihood(r, x->inputs, x->outputs, x->n, x->nll, x->tokens, err);
}

/* Answers for the meter, until time enough has passed; a rung that remembers stops after one pass
 * through the rows and is made to forget by the caller. */
static int do_measure(fr_rung *r, rows *x, size_t *n_done, fr_err *err)
{
    fr_rung_doing(r, "measuring a request");
    int64_t start_ns = fr_now_monotonic_ns();
    bool whole = r->kind == &FR_RUNG_COMMAND; /* all rows in one go, always */
    do {
        for (size_t i = 0; i < x->n;) {
            size_t n = whole ? x->n : FR_MIN(x->n - i, (size_t)CHUNK);
            FR_TRY(r->kind->answer(r, x->inputs + i, n, r->together, x->answers + i, err));
            for (size_t k = i; k < i + n; k++) {
                free(x->answers[k]);
                x->answers[k] = NULL;
            }
            *n_done += n;
            i += n;
            if ((double)(fr_now_monotonic_ns() - start_ns) * 1e-9 >= r->measure_s)
                return 0;
        }
    } while (r->kind->forget == NULL);
    return 0;
}

/* The mean cost of a request, over everything answered so far. */
static int measure(fr_run *run, fr_rung *r, rows *x, fr_spent *answering, size_t n_done,
                   fr_outcome *out, fr_err *err)
{
    for (size_t pass = 0; answering->duration_s < r->measure_s && pass < PASSES_MAX; pass++) {
        size_t before = n_done;
        if (r->kind->forget != NULL)
            FR_TRY(r->kind->forget(r, err));
        FR_TRY(in_phase(run, "measure", r, x, do_measure, answering, &n_done, err));
        if (n_done == before)
            break;
    }
    out->n_measured = n_done;
    out->measured_s = answering->duration_s;
    out->request = fr_spent_scale(*answering, 1.0 / (double)FR_MAX(n_done, (size_t)1));
    return 0;
}

static void make_unknown(fr_spent *s)
{
    s->active = s->total = fr_energy_unknown();
    s->carbon_g = NAN;
}

/* *answering is what answering took, also when it failed. */
static int evaluate(fr_run *run, fr_rung *r, rows *x, uint64_t seed, fr_spent *answering,
                    fr_outcome *out, fr_err *err)
{
    const fr_task_metric *metric = r->with.metric;
    size_t n_done = 0;
    FR_TRY(load(run, r, x, out, err));
    if (metric->perplexity) {
        FR_TRY(in_phase(run, "evaluate", r, x, do_likelihood, &out->evaluate, &n_done, err));
        for (size_t i = 0; i < x->n; i++)
            x->scores[i] = exp(x->nll[i] / (double)FR_MAX(x->tokens[i], (size_t)1));
        out->quality = perplexity(x, seed);
    } else {
        FR_TRY(in_phase(run, "evaluate", r, x, do_answer_all, answering, &n_done, err));
        FR_TRY(fr_score_rows(metric, r->with.task_dir, x->inputs, x->answers, x->outputs, x->n,
                             x->scores, r->progress, err));
        out->quality = fr_interval_of(x->scores, x->n, seed);
    }
    FR_TRY(write_predictions(r, x, err));
    forget_answers(x);
    if (r->energy_inside) {
        FR_TRY(measure(run, r, x, answering, n_done, out, err));
    } else { /* asking again would cost somebody else's joules and teach nothing */
        out->n_measured = n_done;
        out->measured_s = answering->duration_s;
        out->request = fr_spent_scale(*answering, 1.0 / (double)FR_MAX(n_done, (size_t)1));
    }
    if (!r->energy_inside) {
        make_unknown(&out->request);
        make_unknown(&out->load);
        if (r->kind->build != NULL)
            make_unknown(&out->build);
    }
    out->has_quality = true;
    return 0;
}

int fr_evaluate(fr_run *run, fr_rung *r, const fr_data *eval, uint64_t seed, fr_outcome *out,
                fr_err *err)
{
    rows x;
    rows_init(&x, eval);
    fr_spent answering = fr_spent_none();
    int rc = evaluate(run, r, &x, seed, &answering, out, err);
    out->evaluate = fr_spent_add(out->evaluate, answering);
    rows_fini(&x);
    return rc;
}
