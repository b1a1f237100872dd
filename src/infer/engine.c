#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "infer/infer_priv.h"

enum {
    DEFAULT_BATCH = 16,
    DEFAULT_STEP_TOKENS = 256,
    LOGITS_BYTES = 64 << 20 /* of one step at most, unless the batch alone needs more */
};

const char *fr_finish_name(fr_finish f)
{
    static const char *const NAMES[] = { "none", "stop", "length", "cancelled" };
    return (size_t)f < FR_COUNT_OF(NAMES) ? NAMES[f] : "none";
}

/* ---- the engine ------------------------------------------------------------------------------ */

/* Tokens that end an answer: the vocabulary's own, and the end of a turn in chat models, which many
 * files name only by its text. */
static void find_ends(fr_engine *e)
{
    static const char *const KEYS[] = { "tokenizer.ggml.eos_token_id",
                                        "tokenizer.ggml.eot_token_id",
                                        "tokenizer.ggml.eom_token_id" };
    static const char *const TEXTS[] = { "<|eot_id|>",    "<|im_end|>",    "<|end|>",
                                         "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>",
                                         "<|eom_id|>" };
    const fr_tokenizer *t = fr_model_tokenizer(e->model);
    size_t n = fr_tokenizer_n_vocab(t);
    e->ends = FR_NEW_N(bool, FR_MAX(n, fr_model_shape(e->model)->n_vocab));
    if (fr_tokenizer_eos(t) >= 0)
        e->ends[fr_tokenizer_eos(t)] = true;
    for (size_t i = 0; i < FR_COUNT_OF(KEYS); i++) {
        int64_t id = -1;
        if (fr_gguf_get_i64(fr_model_file(e->model), KEYS[i], &id) && id >= 0 && (size_t)id < n)
            e->ends[id] = true;
    }
    for (size_t id = 0; id < n; id++) {
        for (size_t i = 0; i < FR_COUNT_OF(TEXTS) && fr_tokenizer_is_control(t, (int32_t)id); i++)
            e->ends[id] |= fr_str_is(fr_tokenizer_piece(t, (int32_t)id), TEXTS[i]);
    }
}

static double token_bytes(const fr_engine *e)
{
    const fr_shape *s = fr_model_shape(e->model);
    const fr_format_row *f = fr_format_find(e->kv_format);
    double values = 2 * (double)s->n_layers * (double)(s->n_kv_heads * s->head_dim);
    return fmax(values * (double)f->block_bytes / (double)f->block_values, 1);
}

/* As many sequences as were asked for; unasked, no more than a quarter of the memory holds. */
static size_t choose_slots(const fr_engine *e, const fr_engine_options *o)
{
    if (o->max_batch > 0)
        return o->max_batch;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page <= 0)
        return DEFAULT_BATCH;
    double fits = (double)pages * (double)page / 4 / (double)e->context / token_bytes(e);
    return fits < 1 ? 1 : fits > DEFAULT_BATCH ? DEFAULT_BATCH : (size_t)fits;
}

int fr_engine_new(fr_model *model, const fr_engine_options *options, fr_engine **out, fr_err *err)
{
    static const fr_engine_options DEFAULTS = { 0 };
    const fr_engine_options *o = options != NULL ? options : &DEFAULTS;
    const fr_shape *shape = fr_model_shape(model);
    if (shape->looks_ahead)
        return fr_fail(err, FR_E_USAGE, "Use it with frugal embed.",
                       "'%s' is an encoder: it makes embeddings, no text", fr_model_path(model));
    FR_AUTOPTR(fr_engine) e = FR_NEW(fr_engine);
    e->model = model;
    e->work = o->work;
    /* what a decoder computes depends on what its encoder read */
    e->no_prefix_cache = o->no_prefix_cache || fr_model_encoder(model) != NULL;
    e->next_id = 1;
    e->context = o->context > 0 ? o->context : shape->context;
    e->step_tokens = o->step_tokens > 0 ? o->step_tokens : DEFAULT_STEP_TOKENS;
    if (e->context > shape->context)
        return fr_fail(err, FR_E_LIMIT, "Ask for less, or take a model with a longer context.",
                       "a context of %zu tokens is more than the model's %zu", e->context,
                       shape->context);
    if (o->max_batch > 4096 || e->step_tokens > 1u << 20)
        return fr_fail(err, FR_E_USAGE, "At most 4096 sequences and 1048576 tokens a step.",
                       "a batch of %zu sequences with %zu prompt tokens a step is too large",
                       o->max_batch, e->step_tokens);
    const fr_format_row *kv = o->kv != NULL ? fr_format_by_name(o->kv) : NULL;
    if (o->kv != NULL && kv == NULL)
        return fr_fail(err, FR_E_USAGE, "They are kept in f32, f16 or q8_0.",
                       "no format '%s' for keys and values", o->kv);
    e->kv_format = kv != NULL ? kv->format : shape->kv_format;
    e->n_slots = choose_slots(e, o);
    FR_TRY(fr_engine_fit(e, o, token_bytes(e), err));
    size_t affordable = LOGITS_BYTES / sizeof(float) / shape->n_vocab;
    e->logits_max = FR_MAX(e->n_slots, FR_MIN(affordable, e->step_tokens));
    FR_TRY(fr_pool_new(o->threads, &e->pool, err));
    FR_TRY(fr_kv_new_in(model, e->n_slots, e->context, e->kv_format, &e->kv, err));
    fr_kv_listen(e->kv, e->work);
    e->slots = FR_NEW_N(fr_slot, e->n_slots);
    e->rows_max = e->step_tokens + e->n_slots;
    e->rows = FR_NEW_N(fr_row, e->rows_max);
    e->row_of = FR_NEW_N(fr_row_of, e->rows_max);
    e->parts = FR_NEW_N(fr_work_part, e->n_slots);
    e->shares = FR_NEW_N(fr_step_share, e->n_slots);
    find_ends(e);
    *out = e;
    e = NULL;
    return 0;
}

int fr_engine_open(const char *model_path, const fr_engine_options *options, fr_engine **out,
                   fr_err *err)
{
    int64_t start_ns = fr_now_monotonic_ns();
    FR_AUTOPTR(fr_model) model = NULL;
    FR_TRY(fr_model_open(model_path, &model, err));
    fr_engine *e = NULL;
    FR_TRY(fr_engine_new(model, options, &e, err));
    e->owned_model = model;
    model = NULL;
    int64_t end_ns = fr_now_monotonic_ns();
    e->load_s = (double)(end_ns - start_ns) * 1e-9;
    fr_work_event event = { .kind = FR_WORK_LOAD,
                            .start_ns = start_ns,
                            .end_ns = end_ns,
                            .device = "cpu",
                            .bytes = (double)fr_model_weight_bytes(e->model) };
    if (e->work.fn != NULL)
        e->work.fn(e->work.user, &event);
    *out = e;
    return 0;
}

static void asked_free(fr_asked *a)
{
    fr_stream_fini(&a->stream);
    free(a->ids);
    free(a->source);
    free(a->bias);
    fr_matcher_free(a->matcher);
    free(a);
}

void fr_engine_free(fr_engine *e)
{
    if (e == NULL)
        return;
    for (fr_asked *a = e->first, *next; a != NULL; a = next) {
        next = a->next;
        asked_free(a);
    }
    for (size_t i = 0; i < e->n_slots && e->slots != NULL; i++)
        free(e->slots[i].tokens);
    free(e->slots);
    free(e->rows);
    free(e->row_of);
    free(e->logits);
    free(e->choices);
    free(e->counts);
    fr_pieces_free(e->pieces);
    free(e->piece_texts);
    free(e->parts);
    free(e->shares);
    free(e->ends);
    fr_kv_free(e->kv);
    fr_pool_free(e->pool);
    fr_model_free(e->owned_model);
    free(e);
}

fr_model *fr_engine_model(fr_engine *e)
{
    return e->model;
}

fr_pool *fr_engine_pool(fr_engine *e)
{
    return e->pool;
}

size_t fr_engine_context(const fr_engine *e)
{
    return e->context;
}

double fr_engine_load_s(const fr_engine *e)
{
    return e->load_s;
}

size_t fr_engine_kv_bytes_per_token(const fr_engine *e)
{
    return fr_kv_bytes_per_token(e->kv);
}

void fr_engine_listen(fr_engine *e, fr_work_sink work)
{
    e->work = work;
    fr_kv_listen(e->kv, work);
}

/* ---- requests -------------------------------------------------------------------------------- */

static int check_sampling(const fr_sampling *s, fr_err *err)
{
    if (!(s->temperature >= 0 && s->temperature < 1e6))
        return fr_fail(err, FR_E_USAGE, "0 is greedy, 1 is what the model says.",
                       "temperature is %g; expected 0 or more", s->temperature);
    if (!(s->top_p >= 0 && s->top_p <= 1))
        return fr_fail(err, FR_E_USAGE, "0 or 1 is off.", "top-p is %g; expected 0 to 1", s->top_p);
    if (!(s->min_p >= 0 && s->min_p <= 1))
        return fr_fail(err, FR_E_USAGE, "0 is off.", "min-p is %g; expected 0 to 1", s->min_p);
    if (!(s->typical_p >= 0 && s->typical_p <= 1))
        return fr_fail(err, FR_E_USAGE, "0 or 1 is off.", "typical-p is %g; expected 0 to 1",
                       s->typical_p);
    if (!(s->repetition_penalty >= 0 && s->repetition_penalty < 1e3))
        return fr_fail(err, FR_E_USAGE, "1 is off, 1.1 is usual.",
                       "the repetition penalty is %g; expected 0 or more", s->repetition_penalty);
    if (!(fabs(s->frequency_penalty) < 1e3 && fabs(s->presence_penalty) < 1e3))
        return fr_fail(err, FR_E_USAGE, "0 is off; -2 to 2 is usual.",
                       "a frequency or presence penalty is no small number");
    for (size_t i = 0; i < s->n_bias; i++) {
        if (isnan(s->bias[i].bias) || s->bias[i].bias == INFINITY)
            return fr_fail(err, FR_E_USAGE, "-100 to 100 is usual.",
                           "the bias of token %d is no number", s->bias[i].id);
    }
    if (s->top_k < 0)
        return fr_fail(err, FR_E_USAGE, "0 is off.", "top-k is %d; expected 0 or more", s->top_k);
    return 0;
}

static int check_ids(const fr_engine *e, const fr_ids *ids, size_t room, fr_err *err)
{
    size_t n_vocab = fr_model_shape(e->model)->n_vocab;
    for (size_t i = 0; i < ids->n; i++) {
        if (ids->at[i] < 0 || (size_t)ids->at[i] >= n_vocab)
            return fr_fail(err, FR_E_USAGE, "Ids come from this model's own tokenizer.",
                           "token id %d is not in the model's vocabulary of %zu", ids->at[i],
                           n_vocab);
    }
    if (ids->n == 0)
        return fr_fail(err, FR_E_USAGE, "Give it a few words to begin with.",
                       "the prompt is empty, and the model has no token to begin with");
    if (ids->n + room > e->context)
        return fr_fail(err, FR_E_LIMIT,
                       "Shorten the prompt, or take a model with a longer context.",
                       "the prompt has %zu tokens, the context %zu, and an answer needs room too",
                       ids->n, e->context);
    return 0;
}

int fr_asked_new(fr_engine *e, const fr_request *request, const fr_ids *source, const fr_ids *ids,
                 size_t score_from, fr_asked **out, fr_err *err)
{
    if (source != NULL)
        FR_TRY(check_ids(e, source, 0, err));
    /* the last token of a scored row is never put in, only predicted */
    FR_TRY(check_ids(e, ids, score_from > 0 ? 0 : 1, err));
    size_t longest = request->sampling.max_length;
    if (longest > 0 && ids->n >= longest)
        return fr_fail(err, FR_E_LIMIT, "Raise the largest length, or shorten the prompt.",
                       "the prompt has %zu tokens, and prompt and answer together may have %zu",
                       ids->n, longest);
    fr_asked *a = FR_NEW(fr_asked);
    a->id = e->next_id++;
    a->slot = -1;
    a->n_prompt = a->n_ids = a->ids_cap = ids->n;
    a->ids = FR_NEW_N(int32_t, ids->n);
    memcpy(a->ids, ids->at, ids->n * sizeof(*a->ids));
    a->score_from = score_from;
    a->sampling = request->sampling;
    const fr_ids *prompt = source != NULL ? source : ids;
    a->random_stream = fr_hash64(prompt->at, prompt->n * sizeof(*prompt->at), 0);
    if (source != NULL) {
        a->n_source = source->n;
        a->source = FR_NEW_N(int32_t, source->n);
        memcpy(a->source, source->at, source->n * sizeof(*a->source));
    }
    a->adapter = request->adapter;
    a->on_text = request->on_text;
    a->user = request->user;
    a->done.prompt_tokens = prompt->n;
    fr_stream_init(&a->stream, request->sampling.stop, request->sampling.n_stop);
    a->sampling.stop = NULL;
    a->sampling.bias = NULL;
    if (request->sampling.n_bias > 0) {
        a->bias = FR_NEW_N(fr_logit_bias, request->sampling.n_bias);
        memcpy(a->bias, request->sampling.bias, request->sampling.n_bias * sizeof(*a->bias));
        a->sampling.bias = a->bias;
    }
    fr_constrain_begin(e, a);
    if (e->last != NULL)
        e->last->next = a;
    else
        e->first = a;
    e->last = a;
    e->n_open++;
    *out = a;
    return 0;
}

int fr_engine_submit(fr_engine *e, const fr_request *request, uint64_t *id, fr_err *err)
{
    FR_TRY(check_sampling(&request->sampling, err));
    FR_AUTO(fr_ids) ids = { 0 };
    if (request->ids != NULL) {
        for (size_t i = 0; i < request->n_ids; i++)
            fr_ids_put(&ids, request->ids[i]);
    } else {
        const fr_tokenizer *t = fr_model_tokenizer(e->model);
        int flags = request->no_special ? FR_ENCODE_PLAIN : FR_ENCODE_BOS | FR_ENCODE_SPECIAL;
        FR_TRY(fr_tokenizer_encode(t, request->prompt, flags, &ids, err));
        /* a prompt goes on: an EOS that the vocabulary puts after whole texts is not wanted */
        const bool reads = fr_model_encoder(e->model) != NULL;
        if (!request->no_special && ids.n > 1 && fr_tokenizer_adds_eos(t) && !reads)
            ids.n--;
        if (ids.n == 0 && !request->no_special && fr_tokenizer_bos(t) >= 0)
            fr_ids_put(&ids, fr_tokenizer_bos(t));
    }
    fr_asked *a = NULL;
    if (fr_model_encoder(e->model) != NULL) { /* the prompt is read, the answer begins anew */
        FR_AUTO(fr_ids) start = { 0 };
        fr_ids_put(&start, fr_model_decoder_start(e->model));
        FR_TRY(fr_asked_new(e, request, &ids, &start, 0, &a, err));
    } else {
        FR_TRY(fr_asked_new(e, request, NULL, &ids, 0, &a, err));
    }
    *id = a->id;
    return 0;
}

static fr_asked *find(const fr_engine *e, uint64_t id)
{
    fr_asked *a = e->first;
    while (a != NULL && a->id != id)
        a = a->next;
    return a;
}

void fr_asked_finish(fr_engine *e, fr_asked *a, fr_finish how)
{
    a->state = FR_REQUEST_DONE;
    e->n_open--;
    fr_slots_leave(e, a);
    a->done.finish = how;
    a->done.ids = a->ids + a->n_prompt;
    a->done.completion_tokens = a->n_ids - a->n_prompt;
    a->done.text = fr_buf_text(&a->stream.text);
}

bool fr_engine_busy(const fr_engine *e)
{
    return e->n_open > 0;
}

void fr_engine_cancel(fr_engine *e, uint64_t id)
{
    fr_asked *a = find(e, id);
    if (a == NULL || a->state == FR_REQUEST_DONE)
        return;
    fr_asked_finish(e, a, FR_FINISH_CANCELLED);
    fr_str rest = fr_stream_take(&a->stream, true);
    if (rest.n > 0 && a->on_text != NULL)
        a->on_text(a->user, rest);
}

const fr_completion *fr_engine_result(const fr_engine *e, uint64_t id)
{
    const fr_asked *a = find(e, id);
    return a != NULL && a->state == FR_REQUEST_DONE ? &a->done : NULL;
}

void fr_engine_release(fr_engine *e, uint64_t id)
{
    fr_asked *before = NULL, *a = e->first;
    for (; a != NULL && a->id != id; a = a->next)
        before = a;
    if (a == NULL)
        return;
    if (a->state != FR_REQUEST_DONE)
        fr_asked_finish(e, a, FR_FINISH_CANCELLED);
    if (before != NULL)
        before->next = a->next;
    else
        e->first = a->next;
    if (e->last == a)
        e->last = before;
    asked_free(a);
}
