/* One step: requests get slots, each running sequence puts in its rows (generated tokens first,
 * then prompts, the oldest first, up to step_tokens together), one forward pass, and each row of
 * logits gives a token or a likelihood.
 *
 * A request that is cancelled from within on_text is fine; callbacks come last in a step. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "infer/infer_priv.h"

enum { LOOK_AHEAD = 64 /* queued requests that are tried when the first must wait */ };

static void admit(fr_engine *e)
{
    size_t tried = 0;
    for (fr_asked *a = e->first; a != NULL && tried < LOOK_AHEAD; a = a->next) {
        if (a->state != FR_REQUEST_QUEUED)
            continue;
        fr_slots_admit(e, a);
        tried++;
    }
}

/* ---- putting rows in ------------------------------------------------------------------------ */

typedef struct {
    size_t n_rows, n_logits, prompt_left;
    const fr_adapter *adapter;
} plan;

static bool wants_logits(const fr_asked *a, size_t position)
{
    if (a->score_from == 0)
        return position + 1 >= a->n_prompt;
    return position + 1 >= a->score_from && position + 1 < a->n_prompt;
}

/* How many tokens a request puts into the model in all, as far as is known now. */
static size_t tokens_to_put(const fr_asked *a)
{
    return a->score_from > 0 ? a->n_prompt - 1 : a->n_ids;
}

static bool put_row(fr_engine *e, plan *p, size_t slot_at)
{
    fr_slot *s = &e->slots[slot_at];
    fr_step_share *share = &e->shares[slot_at];
    const fr_asked *a = s->asked;
    size_t position = s->n + share->n_rows;
    bool logits = wants_logits(a, position);
    bool decode = position >= a->n_prompt;
    if (p->n_rows == e->rows_max || (logits && p->n_logits == e->logits_max))
        return false;
    if (share->n_rows == 0)
        share->first_row = p->n_rows;
    e->rows[p->n_rows] = (fr_row){ .token = a->ids[position],
                                   .sequence = (uint32_t)slot_at,
                                   .position = (uint32_t)position,
                                   .want_logits = logits };
    double flops = fr_shape_flops_per_token(fr_model_shape(e->model), position, logits);
    e->row_of[p->n_rows] =
        (fr_row_of){ .asked = s->asked, .slot = slot_at, .flops = flops, .decode = decode };
    p->n_rows++;
    p->n_logits += logits;
    share->n_rows++;
    if (decode) {
        share->decode_flops += flops;
    } else {
        share->prefill_flops += flops;
        share->prompt_tokens += a->source == NULL ? 1 : 0; /* those were counted when read */
    }
    return true;
}

static void put_generated(fr_engine *e, plan *p)
{
    for (size_t i = 0; i < e->n_slots; i++) {
        const fr_slot *s = &e->slots[i];
        if (s->asked != NULL && s->adapter == p->adapter && s->asked->score_from == 0 &&
            s->n >= s->asked->n_prompt)
            put_row(e, p, i);
    }
}

static void put_prompts(fr_engine *e, plan *p)
{
    for (fr_asked *a = e->first; a != NULL && p->prompt_left > 0; a = a->next) {
        if (a->state != FR_REQUEST_RUNNING || a->adapter != p->adapter)
            continue;
        size_t slot = (size_t)a->slot;
        while (p->prompt_left > 0 &&
               e->slots[slot].n + e->shares[slot].n_rows < FR_MIN(a->n_prompt, tokens_to_put(a)) &&
               put_row(e, p, slot))
            p->prompt_left--;
    }
}

/* ---- taking results out --------------------------------------------------------------------- */

static void keep_tokens(fr_engine *e, const plan *p, size_t first_row)
{
    for (size_t r = first_row; r < p->n_rows; r++) {
        fr_slot *s = &e->slots[e->rows[r].sequence];
        FR_GROW(s->tokens, s->n, s->cap);
        s->tokens[s->n++] = e->rows[r].token;
    }
}

static int no_numbers(fr_err *err)
{
    return fr_fail(err, FR_E_FAILED, "The model file is damaged, or its training diverged.",
                   "the model's outputs are not numbers");
}

/* Takes the next token of a completion. */
static int take_token(fr_engine *e, fr_asked *a, float *logits, fr_step_share *share, fr_err *err)
{
    size_t n_vocab = fr_model_shape(e->model)->n_vocab, place = a->n_ids - a->n_prompt;
    if (fr_sampling_adjusts(&a->sampling)) {
        if (e->counts == NULL)
            e->counts = FR_NEW_N(uint32_t, n_vocab);
        fr_logits_adjust(&a->sampling, a->ids, a->n_prompt, a->n_ids, logits, n_vocab, e->counts);
    }
    if (a->matcher != NULL && !fr_constrain_logits(e, a, logits)) {
        if (!fr_matcher_is_complete(a->matcher))
            return fr_fail(err, FR_E_FAILED, "Allow other words, or take another model.",
                           "no token of the vocabulary goes on as the grammar wants it");
        fr_asked_finish(e, a, FR_FINISH_STOP);
        return 0;
    }
    for (size_t i = 0; a->sampling.ignore_end && i < n_vocab; i++)
        logits[i] = e->ends[i] ? -INFINITY : logits[i];
    double u = fr_random_f64(a->sampling.seed, FR_RANDOM_SAMPLE, a->random_stream, place);
    int32_t id = fr_sample(&a->sampling, logits, n_vocab, u, e->choices);
    if (id < 0)
        return no_numbers(err);
    if (e->ends[id]) {
        fr_asked_finish(e, a, FR_FINISH_STOP);
        return 0;
    }
    if (a->matcher != NULL)
        fr_matcher_take(a->matcher, e->piece_texts[id]);
    FR_GROW(a->ids, a->n_ids, a->ids_cap);
    a->ids[a->n_ids++] = id;
    share->generated_tokens++;
    const fr_tokenizer *t = fr_model_tokenizer(e->model);
    fr_str piece = fr_tokenizer_is_control(t, id) ? FR_STR("") : fr_tokenizer_piece(t, id);
    size_t longest =
        a->sampling.max_length > 0 ? FR_MIN(a->sampling.max_length, e->context) : e->context;
    if (fr_stream_put(&a->stream, piece))
        fr_asked_finish(e, a, FR_FINISH_STOP);
    else if (a->n_ids - a->n_prompt == a->sampling.max_tokens || a->n_ids == longest)
        fr_asked_finish(e, a, FR_FINISH_LENGTH);
    return 0;
}

static int take_likelihood(fr_engine *e, fr_asked *a, const float *logits, size_t position,
                           fr_err *err)
{
    double logprob = fr_logprob(logits, fr_model_shape(e->model)->n_vocab, a->ids[position + 1]);
    if (isnan(logprob))
        return no_numbers(err);
    a->logprob += logprob;
    a->n_scored++;
    return 0;
}

static int take_results(fr_engine *e, const plan *p, size_t first_row, fr_err *err)
{
    size_t n_vocab = fr_model_shape(e->model)->n_vocab, at = 0;
    for (size_t r = first_row; r < p->n_rows; r++) {
        if (!e->rows[r].want_logits)
            continue;
        float *logits = e->logits + at++ * n_vocab;
        fr_row_of *of = &e->row_of[r];
        if (of->asked->score_from > 0)
            FR_TRY(take_likelihood(e, of->asked, logits, e->rows[r].position, err));
        else
            FR_TRY(take_token(e, of->asked, logits, &e->shares[of->slot], err));
    }
    return 0;
}

static void finish_scored(fr_engine *e)
{
    for (size_t i = 0; i < e->n_slots; i++) {
        fr_asked *a = e->slots[i].asked;
        if (a != NULL && a->score_from > 0 && e->slots[i].n >= tokens_to_put(a))
            fr_asked_finish(e, a, FR_FINISH_STOP);
    }
}

/* ---- telling -------------------------------------------------------------------------------- */

static fr_work_kind kind_of(const fr_engine *e, const plan *p)
{
    bool score = false, prefill = false, decode = false;
    for (size_t r = 0; r < p->n_rows; r++) {
        const fr_row_of *of = &e->row_of[r];
        score |= of->asked->score_from > 0;
        decode |= of->decode;
        prefill |= of->asked->score_from == 0 && !of->decode;
    }
    if (score + prefill + decode > 1)
        return FR_WORK_MIXED;
    return score ? FR_WORK_SCORE : decode ? FR_WORK_DECODE : FR_WORK_PREFILL;
}

/* Each request's own work, as it was put in: nothing is rescaled to the total. */
static void tell(fr_engine *e, const plan *p, int64_t start_ns, int64_t end_ns)
{
    fr_work_event event = { .kind = kind_of(e, p),
                            .start_ns = start_ns,
                            .end_ns = end_ns,
                            .device = "cpu",
                            .bytes = (double)fr_model_weight_bytes(e->model),
                            .parts = e->parts };
    size_t kv_bytes = fr_kv_bytes_per_token(e->kv);
    for (size_t r = 0; r < p->n_rows; r++)
        event.flops += e->row_of[r].flops;
    for (size_t i = 0; i < e->n_slots; i++)
        event.flops += e->shares[i].n_rows > 0 ? e->shares[i].read_flops : 0;
    double step_s = (double)(end_ns - start_ns) * 1e-9;
    for (size_t i = 0; i < e->n_slots; i++) {
        const fr_step_share *share = &e->shares[i];
        if (share->n_rows == 0)
            continue;
        fr_asked *a = e->row_of[share->first_row].asked;
        double flops = share->prefill_flops + share->decode_flops;
        a->done.prefill_s += step_s * (share->prefill_flops / event.flops);
        a->done.decode_s += step_s * (share->decode_flops / event.flops);
        a->done.flops += flops;
        e->parts[event.n_parts++] = (fr_work_part){ .sequence = a->id,
                                                    .prompt_tokens = share->prompt_tokens,
                                                    .generated_tokens = share->generated_tokens,
                                                    .flops = flops };
        event.tokens += share->prompt_tokens + share->generated_tokens;
        event.bytes += (double)kv_bytes * (double)e->slots[i].n;
    }
    if (e->work.fn != NULL)
        e->work.fn(e->work.user, &event);
}

static void give_text(fr_engine *e)
{
    for (fr_asked *a = e->first, *next; a != NULL; a = next) {
        next = a->next;
        if (a->score_from > 0 || a->stream.given == a->stream.text.n)
            continue;
        fr_str piece = fr_stream_take(&a->stream, a->state == FR_REQUEST_DONE);
        if (piece.n > 0 && a->on_text != NULL)
            a->on_text(a->user, piece);
    }
}

/* ---- the step -------------------------------------------------------------------------------- */

static void give_up(fr_engine *e)
{
    for (size_t i = 0; i < e->n_slots; i++) {
        if (e->slots[i].asked == NULL || e->shares[i].n_rows == 0)
            continue;
        fr_kv_truncate(e->kv, i, 0);
        e->slots[i].n = 0;
        fr_asked_finish(e, e->slots[i].asked, FR_FINISH_CANCELLED);
    }
}

/* Room for the rows of logits that this pass wants; completions alone want one a sequence. */
static int make_room(fr_engine *e, size_t n_logits, fr_err *err)
{
    size_t n_vocab = fr_model_shape(e->model)->n_vocab;
    if (e->choices == NULL)
        e->choices = FR_NEW_N(fr_choice, n_vocab);
    if (n_logits <= e->logits_cap)
        return 0;
    void *logits = NULL;
    FR_TRY(fr_try_array(n_logits * n_vocab, sizeof(float), "the logits", &logits, err));
    free(e->logits);
    e->logits = logits;
    e->logits_cap = n_logits;
    return 0;
}

/* What is done between the model's operations, on the caller's thread. */
static void tell_op(const fr_engine *e, const char *op, int64_t start_ns)
{
    if (e->work.op == NULL)
        return;
    const fr_op_event event = {
        .op = op, .layer = -1, .start_ns = start_ns, .end_ns = fr_now_monotonic_ns()
    };
    e->work.op(e->work.user, &event);
}

/* The rows of the sequences that share an adapter, through the model. */
static int forward_group(fr_engine *e, plan *p, fr_err *err)
{
    size_t first_row = p->n_rows;
    for (size_t i = 0; i < e->n_slots; i++)
        e->shares[i].visited |= e->slots[i].asked != NULL && e->slots[i].adapter == p->adapter;
    put_generated(e, p);
    put_prompts(e, p);
    if (p->n_rows == first_row)
        return 0;
    FR_TRY(make_room(e, p->n_logits, err));
    FR_TRY(fr_model_forward(e->model, p->adapter, e->kv, e->pool, e->rows + first_row,
                            p->n_rows - first_row, e->logits, err));
    keep_tokens(e, p, first_row);
    int64_t start_ns = e->work.op != NULL ? fr_now_monotonic_ns() : 0;
    int rc = take_results(e, p, first_row, err);
    tell_op(e, "sample", start_ns);
    p->n_logits = 0; /* they were read; the next group writes over them */
    return rc;
}

/* The encoder of an encoder–decoder reads the prompts of requests that just got a slot. */
static int read_sources(fr_engine *e, fr_err *err)
{
    for (size_t i = 0; i < e->n_slots; i++) {
        fr_asked *a = e->slots[i].asked;
        fr_step_share *share = &e->shares[i];
        if (a == NULL || a->source == NULL || a->was_read)
            continue;
        if (fr_model_encode(e->model, e->kv, e->pool, i, a->source, a->n_source, err) != 0) {
            fr_asked_finish(e, a, FR_FINISH_CANCELLED);
            return err != NULL ? err->code : FR_E_FAILED;
        }
        a->was_read = true;
        share->read_flops = fr_model_encode_flops(e->model, a->n_source);
        share->prefill_flops += share->read_flops;
        share->prompt_tokens += (uint32_t)a->n_source;
    }
    return 0;
}

/* One pass for each adapter in use; nearly always there is one or none. */
static int forward_all(fr_engine *e, plan *p, fr_err *err)
{
    for (size_t i = 0; i < e->n_slots; i++) {
        const fr_slot *s = &e->slots[i];
        if (s->asked == NULL || e->shares[i].visited)
            continue;
        p->adapter = s->adapter;
        FR_TRY(forward_group(e, p, err));
    }
    return 0;
}

int fr_engine_step(fr_engine *e, fr_err *err)
{
    if (e->n_open == 0)
        return 0;
    int64_t start_ns = fr_now_monotonic_ns();
    admit(e);
    for (size_t i = 0; i < e->n_slots; i++)
        e->shares[i] = (fr_step_share){ 0 };
    plan p = { .prompt_left = e->step_tokens };
    int rc = read_sources(e, err);
    rc = rc != 0 ? rc : forward_all(e, &p, err);
    if (rc != 0)
        give_up(e);
    else
        finish_scored(e);
    if (p.n_rows > 0)
        tell(e, &p, start_ns, fr_now_monotonic_ns());
    give_text(e);
    return rc;
}
