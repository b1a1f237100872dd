#include "choose/capability.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/outcome.h"
#include "base/mem.h"
#include "choose/probe_items.h"
#include "infer/chat_form.h"
#include "infer/engine.h"
#include "prompt/prompt.h"
#include "quality/quality.h"

#define ITEMS         24
#define CONTEXT_MOST  2048
#define CONTEXT_LEAST 64
#define BATCH         8
#define ANSWER_ROOM   96 /* tokens beside the text that a fact is looked for in */

typedef struct {
    const fr_capability_options *options;
    fr_model *model;
    fr_engine *engine;
    fr_chat_form *form;
    fr_grammar *grammar;
    size_t context; /* of the engine */
    uint64_t n_tokens;
    size_t n_too_long; /* of a kind */
} prober;

/* ---- asking ------------------------------------------------------------------------------- */

static size_t count_tokens(const prober *p, fr_str text)
{
    FR_AUTO(fr_ids) ids = { 0 };
    const fr_tokenizer *t = fr_model_tokenizer(fr_engine_model(p->engine));
    return fr_tokenizer_encode(t, text, FR_ENCODE_PLAIN, &ids, NULL) == 0 ? ids.n : text.n;
}

/* Filler sentences up to the wanted number of tokens, with the fact at its depth. */
static void put_haystack(const prober *p, const fr_probe_item *item, uint64_t which, fr_buf *out)
{
    FR_AUTO(fr_buf) piece = { 0 };
    size_t fact = count_tokens(p, fr_str_of(item->passage)), n = fact;
    bool placed = false;
    for (uint64_t i = 0;; i++) {
        fr_buf_clear(&piece);
        fr_probe_filler(p->options->seed, which, i, &piece);
        size_t more = count_tokens(p, fr_buf_str(&piece));
        bool full = n + more > item->n_filler;
        if (!placed && (full || (double)(n - fact) >= item->depth * (double)item->n_filler)) {
            fr_buf_put_s(out, item->passage);
            placed = true;
        }
        if (full)
            return;
        fr_buf_put_str(out, fr_buf_str(&piece));
        n += more;
    }
}

/* The item as the model is to see it: through its template, or in the form that fits. */
static int put_prompt(const prober *p, const fr_probe_item *item, uint64_t which, fr_buf *out,
                      fr_err *err)
{
    FR_AUTO(fr_buf) passage = { 0 };
    if (item->kind == FR_PROBE_CONTEXT)
        put_haystack(p, item, which, &passage);
    else if (item->passage != NULL)
        fr_buf_put_s(&passage, item->passage);
    if (!fr_chat_form_is_template(p->form)) {
        fr_str text = fr_buf_str(&passage);
        fr_prompt_build(&(fr_prompt_parts){ .kind = passage.n != 0 ? FR_TASK_ANSWER : FR_TASK_TEXT,
                                            .passages = &text,
                                            .n_passages = passage.n != 0,
                                            .input = fr_str_of(item->question) },
                        out);
        return 0;
    }
    char *content = passage.n != 0 ? fr_dup_f("%s\n\n%s", fr_buf_text(&passage), item->question)
                                   : fr_dup(item->question);
    json_t *messages = json_pack("[{s:s,s:s}]", "role", "user", "content", content);
    free(content);
    int rc = fr_chat_form_text(p->form, messages, out, err);
    json_decref(messages);
    return rc;
}

static int submit(prober *p, const fr_probe_item *item, uint64_t which, uint64_t *id, fr_err *err)
{
    static const char *const LINE[] = { "\n" };
    FR_AUTO(fr_buf) prompt = { 0 };
    FR_AUTO(fr_ids) ids = { 0 };
    FR_TRY(put_prompt(p, item, which, &prompt, err));
    bool template = fr_chat_form_is_template(p->form);
    const fr_tokenizer *t = fr_model_tokenizer(fr_engine_model(p->engine));
    int flags = template ? FR_ENCODE_SPECIAL : FR_ENCODE_BOS;
    FR_TRY(fr_tokenizer_encode(t, fr_buf_str(&prompt), flags, &ids, err));
    bool one_line = !template && !item->with_grammar;
    fr_request request = { .ids = ids.at,
                           .n_ids = ids.n,
                           .sampling = { .max_tokens = item->max_tokens,
                                         .grammar = item->with_grammar ? p->grammar : NULL,
                                         .stop = one_line ? LINE : NULL,
                                         .n_stop = one_line } };
    return fr_engine_submit(p->engine, &request, id, err);
}

/* What does not fit the model's context is not passed. */
static int submit_some(prober *p, const fr_probe_item *items, size_t first, size_t n,
                       uint64_t ids[BATCH], bool sent[BATCH], fr_err *err)
{
    for (size_t i = 0; i < n; i++) {
        fr_err why = { 0 };
        int rc = submit(p, &items[i], first + i, &ids[i], &why);
        if (rc != 0 && rc != FR_E_LIMIT)
            return fr_fail(err, rc, why.hint, "%s", why.what);
        sent[i] = rc == 0;
        p->n_too_long += rc != 0;
    }
    return 0;
}

static int ask_some(prober *p, const fr_probe_item *items, size_t first, size_t n, double *passed,
                    fr_err *err)
{
    uint64_t ids[BATCH];
    bool sent[BATCH] = { false };
    int rc = submit_some(p, items, first, n, ids, sent, err);
    while (rc == 0 && fr_engine_busy(p->engine))
        rc = fr_engine_step(p->engine, err);
    for (size_t i = 0; i < n; i++) {
        if (!sent[i])
            continue;
        const fr_completion *done = rc == 0 ? fr_engine_result(p->engine, ids[i]) : NULL;
        if (done != NULL) {
            passed[i] = fr_probe_passes(&items[i], done->text);
            p->n_tokens += done->prompt_tokens + done->completion_tokens;
        }
        fr_engine_release(p->engine, ids[i]);
    }
    return rc;
}

static int ask_all(prober *p, const fr_probe_items *items, const char *what, double *passed,
                   fr_err *err)
{
    for (size_t i = 0; i < items->n; i += BATCH) {
        size_t n = FR_MIN(items->n - i, (size_t)BATCH);
        if (fr_progress_stopped(p->options->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped in %s after %zu of %zu questions",
                           what, i, items->n);
        FR_TRY(ask_some(p, items->at + i, i, n, passed + i, err));
        fr_progress_step(p->options->progress, what, (double)(i + n), (double)items->n, "questions",
                         NULL);
    }
    return 0;
}

/* ---- one kind ----------------------------------------------------------------------------- */

/* Lengths by halves of the longest, three depths each. */
static void make_context(const prober *p, size_t n, fr_probe_items *items)
{
    static const double DEPTHS[] = { 0.1, 0.5, 0.9 };
    size_t lengths[5], n_lengths = 0, each = FR_MAX(n / 12, (size_t)2);
    size_t most = p->context > ANSWER_ROOM ? p->context - ANSWER_ROOM : 0;
    for (; n_lengths < FR_COUNT_OF(lengths) - 1 && most >= CONTEXT_LEAST; most /= 2)
        lengths[n_lengths++] = most;
    for (size_t l = n_lengths; l > 0; l--) {
        for (size_t d = 0; d < FR_COUNT_OF(DEPTHS); d++)
            fr_probe_items_context(items, lengths[l - 1], DEPTHS[d], each, p->options->seed);
    }
}

/* Counts by group, in order of first appearance. */
static json_t *json_groups(const fr_probe_items *items, const double *passed)
{
    json_t *list = json_array();
    for (size_t i = 0; i < items->n; i++) {
        json_t *o = NULL;
        for (size_t k = 0; k < json_array_size(list) && o == NULL; k++) {
            json_t *there = json_array_get(list, k);
            if (strcmp(json_string_value(json_object_get(there, "group")), items->at[i].group) == 0)
                o = there;
        }
        if (o == NULL) {
            o = json_pack("{s:s,s:i,s:i}", "group", items->at[i].group, "passed", 0, "n", 0);
            json_array_append_new(list, o);
        }
        json_int_t n = json_integer_value(json_object_get(o, "n")),
                   good = json_integer_value(json_object_get(o, "passed"));
        json_object_set_new(o, "n", json_integer(n + 1));
        json_object_set_new(o, "passed", json_integer(good + (passed[i] > 0)));
    }
    return list;
}

static size_t usable_context(const fr_probe_items *items, const double *passed)
{
    size_t usable = 0;
    for (size_t i = 0; i < items->n;) {
        size_t length = items->at[i].n_filler, n = 0;
        double good = 0;
        for (; i < items->n && items->at[i].n_filler == length; i++, n++)
            good += passed[i];
        if (good * 2 < (double)n)
            break;
        usable = length;
    }
    return usable;
}

static json_t *json_kind(fr_probe_kind kind, const fr_probe_items *items, const double *passed,
                         const fr_used *used, uint64_t n_tokens, uint64_t seed)
{
    double n = (double)FR_MAX(items->n, (size_t)1);
    fr_interval rate = fr_interval_of(passed, items->n, seed);
    json_t *o = json_object(), *pass = json_object();
    json_object_set_new(o, "kind", json_string(fr_probe_kind_name(kind)));
    json_object_set_new(pass, "value", fr_json_number(rate.value));
    json_object_set_new(pass, "ci_low", fr_json_number(rate.low));
    json_object_set_new(pass, "ci_high", fr_json_number(rate.high));
    json_object_set_new(pass, "n", json_integer((json_int_t)rate.n));
    json_object_set_new(o, "pass", pass);
    json_object_set_new(o, "energy_j_per_item", fr_json_number(used->total.value_j / n));
    json_object_set_new(o, "method", json_string(fr_method_name(used->total.method)));
    json_object_set_new(o, "cpu_s_per_item", fr_json_number(used->cpu_s / n));
    json_object_set_new(o, "tokens_per_item", fr_json_number((double)n_tokens / n));
    json_object_set_new(o, "groups", json_groups(items, passed));
    if (kind == FR_PROBE_CONTEXT)
        json_object_set_new(o, "usable_context_tokens",
                            json_integer((json_int_t)usable_context(items, passed)));
    return o;
}

static int probe_kind(prober *p, fr_probe_kind kind, json_t *kinds, fr_err *err)
{
    const fr_capability_options *o = p->options;
    size_t n = o->n_items != 0 ? o->n_items : ITEMS;
    const char *name = fr_probe_kind_name(kind);
    fr_probe_items items = { 0 };
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    fr_err dropped = { 0 };
    if (kind == FR_PROBE_CONTEXT)
        make_context(p, n, &items);
    else
        fr_probe_items_make(&items, kind, n, o->seed);
    double *passed = FR_NEW_N(double, items.n);
    p->n_tokens = 0;
    p->n_too_long = 0;
    int rc = fr_phase_begin(o->run, "probe", name, &phase, err);
    if (rc == 0) {
        rc = ask_all(p, &items, name, passed, err);
        int ended =
            fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : &dropped);
        rc = rc != 0 ? rc : ended;
    }
    if (rc == 0) {
        json_t *done = json_kind(kind, &items, passed, &used, p->n_tokens, o->seed);
        json_object_set_new(done, "too_long", json_integer((json_int_t)p->n_too_long));
        fr_run_note(o->run, "quality", name,
                    json_number_value(json_object_get(json_object_get(done, "pass"), "value")), "",
                    NULL);
        if (o->on_kind != NULL)
            o->on_kind(o->user, done);
        json_array_append_new(kinds, done);
    }
    free(passed);
    fr_probe_items_fini(&items);
    return rc;
}

/* ---- all of them -------------------------------------------------------------------------- */

static int check_kinds(const char *const *kinds, fr_err *err)
{
    for (size_t i = 0; kinds != NULL && kinds[i] != NULL; i++) {
        bool known = false;
        for (int k = 0; k < FR_PROBE_KINDS; k++)
            known = known || strcmp(fr_probe_kind_name((fr_probe_kind)k), kinds[i]) == 0;
        if (!known)
            return fr_fail(err, FR_E_USAGE,
                           "There are passage, languages, json, arithmetic, refusal, instruction "
                           "and context.",
                           "no probe '%s'", kinds[i]);
    }
    return 0;
}

static bool is_wanted(const char *const *kinds, const char *name)
{
    for (size_t i = 0; kinds != NULL && kinds[i] != NULL; i++) {
        if (strcmp(kinds[i], name) == 0)
            return true;
    }
    return kinds == NULL || kinds[0] == NULL;
}

static int open_model(prober *p, fr_err *err)
{
    const fr_capability_options *o = p->options;
    FR_TRY(fr_model_open(o->model, &p->model, err));
    size_t most = (o->context_most != 0 ? o->context_most : CONTEXT_MOST) + ANSWER_ROOM;
    size_t own = fr_model_shape(p->model)->context;
    p->context = own != 0 ? FR_MIN(most, own) : most;
    return fr_engine_new(p->model,
                         &(fr_engine_options){ .threads = o->threads,
                                               .context = p->context,
                                               .max_batch = BATCH,
                                               .work = fr_run_work(o->run) },
                         &p->engine, err);
}

static int open_engine(prober *p, fr_err *err)
{
    fr_phase *load = NULL;
    FR_TRY(fr_phase_begin(p->options->run, "load", p->options->model, &load, err));
    int rc = open_model(p, err);
    int ended = fr_phase_end(load, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
    FR_TRY(rc);
    FR_TRY(ended);
    FR_TRY(fr_chat_form_new(p->model, &p->form, err));
    return fr_grammar_parse(fr_str_of(FR_PROBE_GRAMMAR), &p->grammar, err);
}

static int probe_all(prober *p, json_t **record, fr_err *err)
{
    const fr_capability_options *o = p->options;
    FR_TRY(open_engine(p, err));
    json_t *kinds = json_array();
    int rc = 0;
    for (int k = 0; rc == 0 && k < FR_PROBE_KINDS; k++) {
        if (is_wanted(o->kinds, fr_probe_kind_name((fr_probe_kind)k)))
            rc = probe_kind(p, (fr_probe_kind)k, kinds, err);
    }
    if (rc != 0) {
        json_decref(kinds);
        return rc;
    }
    const fr_model *m = fr_engine_model(p->engine);
    *record = json_object();
    json_object_set_new(*record, "schema", json_integer(1));
    json_object_set_new(*record, "run", json_string(fr_run_id(o->run)));
    json_object_set_new(*record, "model", json_string(fr_model_name(m)));
    json_object_set_new(*record, "path", json_string(o->model));
    json_object_set_new(*record, "architecture", json_string(fr_model_shape(m)->architecture));
    json_object_set_new(
        *record, "asked_by",
        json_string(fr_chat_form_is_template(p->form) ? "chat template" : "plain form"));
    json_object_set_new(*record, "seed", json_integer((json_int_t)o->seed));
    json_object_set_new(*record, "kinds", kinds);
    return 0;
}

int fr_capability(const fr_capability_options *options, json_t **record, fr_err *err)
{
    prober p = { .options = options };
    FR_TRY(check_kinds(options->kinds, err));
    int rc = probe_all(&p, record, err);
    if (p.engine != NULL)
        fr_engine_listen(p.engine, (fr_work_sink){ 0 });
    fr_chat_form_free(p.form);
    fr_engine_free(p.engine);
    fr_model_free(p.model);
    fr_grammar_free(p.grammar);
    return rc;
}
