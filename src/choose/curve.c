#include "choose/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/outcome.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "infer/engine.h"

#define MEASURE_S       1.0
#define WRITTEN         32 /* tokens behind each prompt */
#define PASSES_MAX      2000
#define STEP_TOKENS     256 /* of a prompt in one step */
#define FILE_MOST_BYTES ((size_t)16 << 20)

void fr_curve_fini(fr_curve *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->at[i].model);
    free(c->at);
    *c = (fr_curve){ 0 };
}

/* Takes p. */
static void put(fr_curve *c, fr_curve_point p)
{
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->at[i].model, p.model) == 0 && c->at[i].length == p.length &&
            c->at[i].weight_bytes == p.weight_bytes) {
            free(c->at[i].model);
            c->at[i] = p;
            return;
        }
    }
    FR_GROW(c->at, c->n, c->cap);
    c->at[c->n++] = p;
}

/* ---- measuring ---------------------------------------------------------------------------- */

typedef struct {
    const fr_curve_options *options;
    fr_engine *engine;
    int32_t *ids; /* [longest] */
} measuring;

/* CPU-seconds and tokens of reading and writing, over the passes of one point. */
typedef struct {
    double read_s, write_s, written;
    size_t passes;
} tally;

/* One prompt read, then tokens written behind it. The step that ends the prompt also gives the
 * first of them, so those are one less than the answer has. */
static int pass(const measuring *m, size_t n, tally *t, fr_err *err)
{
    uint64_t id = 0;
    fr_request request = { .ids = m->ids, .n_ids = n, .sampling = { .max_tokens = WRITTEN } };
    FR_TRY(fr_engine_submit(m->engine, &request, &id, err));
    double start_s = fr_cpu_self_s();
    for (size_t read = 0; read < n && fr_engine_busy(m->engine); read += STEP_TOKENS)
        FR_TRY(fr_engine_step(m->engine, err));
    double between_s = fr_cpu_self_s();
    while (fr_engine_busy(m->engine))
        FR_TRY(fr_engine_step(m->engine, err));
    t->write_s += fr_cpu_self_s() - between_s;
    t->read_s += between_s - start_s;
    t->written += (double)fr_engine_result(m->engine, id)->completion_tokens - 1;
    t->passes++;
    fr_engine_release(m->engine, id);
    return 0;
}

static int passes(const measuring *m, size_t n, tally *t, fr_err *err)
{
    double least_s = m->options->measure_s > 0 ? m->options->measure_s : MEASURE_S;
    int64_t start_ns = fr_now_monotonic_ns();
    do {
        FR_TRY(pass(m, n, t, err));
        if (fr_progress_stopped(m->options->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped while measuring %zu tokens", n);
    } while (t->passes < PASSES_MAX && (double)(fr_now_monotonic_ns() - start_ns) * 1e-9 < least_s);
    return 0;
}

/* A file's name says more than the name inside, which many files share. */
static char *name_of(const fr_model *model)
{
    const char *path = fr_model_path(model), *slash = strrchr(path, '/');
    fr_str name = fr_str_of(slash != NULL ? slash + 1 : path);
    if (fr_str_ends(name, FR_STR(".gguf")))
        name.n -= 5;
    return fr_str_dup(name);
}

/* The joules of all passes are shared between reading and writing by their CPU time. */
static int measure_length(const measuring *m, size_t n, fr_curve *c, fr_err *err)
{
    const fr_model *model = fr_engine_model(m->engine);
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    fr_err dropped = { 0 };
    tally warm = { 0 }, t = { 0 };
    FR_TRY(pass(m, n, &warm, err)); /* memory is there, packed weights are loaded */
    FR_TRY(fr_phase_begin(m->options->run, "phase", "curve", &phase, err));
    int rc = passes(m, n, &t, err);
    int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : &dropped);
    FR_TRY(rc);
    FR_TRY(ended);
    if (!(t.written > 0))
        return fr_fail(err, FR_E_FAILED, NULL, "'%s' ends after one token", fr_model_path(model));
    double j_per_s = used.total.value_j / (t.read_s + t.write_s);
    double read_s = t.read_s / (double)(t.passes * n), write_s = t.write_s / t.written;
    put(c, (fr_curve_point){
               .model = name_of(model),
               .params = (double)fr_model_n_params(model),
               .weight_bytes = (double)fr_model_weight_bytes(model),
               .length = (double)n,
               .kv_bytes = (double)(fr_shape_kv_bytes_per_token(fr_model_shape(model)) * n),
               .read_cpu_s = read_s,
               .write_cpu_s = write_s,
               .read_j = read_s * j_per_s,
               .write_j = write_s * j_per_s,
               .measured = used.total.method == FR_METHOD_MEASURED,
           });
    return 0;
}

static int measure_all(measuring *m, fr_curve *c, fr_err *err)
{
    const fr_curve_options *o = m->options;
    size_t has = fr_engine_context(m->engine);
    size_t n_vocab = fr_model_shape(fr_engine_model(m->engine))->n_vocab;
    m->ids = FR_NEW_N(int32_t, has);
    /* ids that are no control tokens: where these stand (the first, or the last) nothing is taken
     */
    for (size_t i = 0; i < has; i++)
        m->ids[i] = (int32_t)(n_vocab / 4 + i * 7 % (n_vocab / 2 + 1));
    for (size_t i = 0; i < o->n_lengths; i++) {
        fr_progress_step(o->progress, "curve", (double)i, (double)o->n_lengths, "lengths", NULL);
        if (o->lengths[i] + WRITTEN + 1 <= has)
            FR_TRY(measure_length(m, o->lengths[i], c, err));
    }
    return 0;
}

int fr_curve_measure(const fr_curve_options *options, const char *model, fr_curve *c, fr_err *err)
{
    FR_AUTOPTR(fr_model) m = NULL;
    FR_TRY(fr_model_open(model, &m, err));
    size_t own = fr_model_shape(m)->context;
    size_t longest = options->lengths[options->n_lengths - 1] + WRITTEN + 1;
    size_t context = own != 0 ? FR_MIN(own, longest) : longest;
    measuring w = { .options = options };
    int rc = fr_engine_new(m,
                           &(fr_engine_options){ .threads = options->threads,
                                                 .context = context,
                                                 .max_batch = 1,
                                                 .step_tokens = STEP_TOKENS,
                                                 .no_prefix_cache = true,
                                                 .work = fr_run_work(options->run) },
                           &w.engine, err);
    if (rc == 0)
        rc = measure_all(&w, c, err);
    free(w.ids);
    fr_engine_free(w.engine);
    return rc;
}

/* ---- files -------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    size_t at;
} NUMBERS[] = {
    { "params", offsetof(fr_curve_point, params) },
    { "weight_bytes", offsetof(fr_curve_point, weight_bytes) },
    { "length_tokens", offsetof(fr_curve_point, length) },
    { "kv_bytes", offsetof(fr_curve_point, kv_bytes) },
    { "read_cpu_s", offsetof(fr_curve_point, read_cpu_s) },
    { "write_cpu_s", offsetof(fr_curve_point, write_cpu_s) },
    { "read_j", offsetof(fr_curve_point, read_j) },
    { "write_j", offsetof(fr_curve_point, write_j) },
};

static double *number_in(const fr_curve_point *p, size_t i)
{
    return (double *)((char *)p + NUMBERS[i].at);
}

json_t *fr_curve_json(const fr_curve *c)
{
    json_t *points = json_array();
    for (size_t i = 0; i < c->n; i++) {
        const fr_curve_point *p = &c->at[i];
        json_t *o = json_object();
        json_object_set_new(o, "model", json_string(p->model));
        for (size_t k = 0; k < FR_COUNT_OF(NUMBERS); k++)
            json_object_set_new(o, NUMBERS[k].key, fr_json_number(*number_in(p, k)));
        json_object_set_new(o, "measured", json_boolean(p->measured));
        json_array_append_new(points, o);
    }
    return json_pack("{s:i,s:o}", "schema", 1, "points", points);
}

int fr_curve_read(const char *path, fr_curve *c, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    if (!fr_file_exists(path))
        return 0;
    FR_TRY(fr_file_read(path, FILE_MOST_BYTES, &text, err));
    json_t *root = json_loadb(fr_buf_text(&text), text.n, 0, NULL);
    const json_t *points = json_object_get(root, "points");
    bool ok = json_is_array(points);
    for (size_t i = 0; ok && i < json_array_size(points); i++) {
        const json_t *o = json_array_get(points, i);
        fr_curve_point p = { .measured = json_is_true(json_object_get(o, "measured")) };
        for (size_t k = 0; k < FR_COUNT_OF(NUMBERS); k++) {
            const json_t *v = json_object_get(o, NUMBERS[k].key);
            *number_in(&p, k) = json_is_number(v) ? json_number_value(v) : NAN;
        }
        ok = json_is_string(json_object_get(o, "model"));
        if (ok) {
            p.model = fr_dup(json_string_value(json_object_get(o, "model")));
            put(c, p);
        }
    }
    json_decref(root);
    return ok ? 0
              : fr_fail(err, FR_E_FORMAT, "Measure again: `frugal models curve MODEL`.",
                        "'%s' holds no points of a curve", path);
}

int fr_curve_write(const fr_curve *c, const char *path, fr_err *err)
{
    char *dir = fr_path_dir(path);
    json_t *o = fr_curve_json(c);
    int rc = fr_dir_make(dir, err);
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    if (rc == 0)
        rc = fr_file_write(path, fr_str_of(text), err);
    free(text);
    json_decref(o);
    free(dir);
    return rc;
}
