/* Likelihoods: rows of tokens that go through the same scheduler as completions, so that they are
 * batched, share prefixes and are counted as work like these. */
#include <stdlib.h>

#include "base/mem.h"
#include "infer/infer_priv.h"

/* The likelihood of one row of tokens; a copy of its outcome is taken before it is released. */
typedef struct {
    uint64_t id;
    double logprob;
    size_t n;
} scored;

static fr_asked *find(const fr_engine *e, uint64_t id)
{
    fr_asked *a = e->first;
    while (a != NULL && a->id != id)
        a = a->next;
    return a;
}

static int run(fr_engine *e, scored *rows, size_t n, const fr_progress *progress, fr_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        while (rc == 0 && fr_engine_result(e, rows[i].id) == NULL) {
            if (fr_progress_stopped(progress))
                rc = fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped");
            else
                rc = fr_engine_step(e, err);
        }
        const fr_asked *a = find(e, rows[i].id);
        if (a != NULL) {
            rows[i].logprob = a->logprob;
            rows[i].n = a->n_scored;
        }
        fr_engine_release(e, rows[i].id);
        if (rc == 0)
            fr_progress_step(progress, "score", (double)(i + 1), (double)n, "rows", NULL);
    }
    return rc;
}

static int ask(fr_engine *e, const fr_adapter *adapter, const fr_scored *item, uint64_t *id,
               fr_err *err)
{
    const fr_tokenizer *t = fr_model_tokenizer(e->model);
    FR_AUTO(fr_ids) ids = { 0 };
    FR_TRY(fr_tokenizer_encode(t, item->prompt, FR_ENCODE_BOS | FR_ENCODE_SPECIAL, &ids, err));
    FR_AUTO(fr_ids) source = { 0 };
    const bool reads = fr_model_encoder(e->model) != NULL;
    if (reads) { /* the encoder reads the prompt, the decoder begins anew */
        for (size_t i = 0; i < ids.n; i++)
            fr_ids_put(&source, ids.at[i]);
        ids.n = 0;
        fr_ids_put(&ids, fr_model_decoder_start(e->model));
    } else if (ids.n > 1 && fr_tokenizer_adds_eos(t)) {
        ids.n--;
    }
    if (ids.n == 0 && fr_tokenizer_bos(t) >= 0)
        fr_ids_put(&ids, fr_tokenizer_bos(t));
    size_t from = ids.n;
    int flags = item->prompt.n > 0 && !reads ? FR_ENCODE_CONTINUES : FR_ENCODE_PLAIN;
    FR_TRY(fr_tokenizer_encode(t, item->continuation, flags, &ids, err));
    if (from == 0 || ids.n == from)
        return fr_fail(err, FR_E_USAGE, "Both need at least one token.",
                       "the %s to be scored is empty", from == 0 ? "prompt" : "continuation");
    fr_request request = { .adapter = adapter };
    fr_asked *a = NULL;
    FR_TRY(fr_asked_new(e, &request, reads ? &source : NULL, &ids, from, &a, err));
    *id = a->id;
    return 0;
}

int fr_engine_score(fr_engine *e, const fr_adapter *adapter, fr_scored *items, size_t n,
                    fr_err *err)
{
    scored *rows = FR_NEW_N(scored, n);
    int rc = 0;
    size_t asked = 0;
    for (; asked < n && rc == 0; asked++)
        rc = ask(e, adapter, &items[asked], &rows[asked].id, err);
    if (rc != 0) {
        for (size_t i = 0; i + 1 < asked; i++)
            fr_engine_release(e, rows[i].id);
    } else {
        rc = run(e, rows, n, NULL, err);
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        items[i].logprob = rows[i].logprob;
        items[i].n_tokens = rows[i].n;
    }
    free(rows);
    return rc;
}

/* Submits window after window: [BOS or the last token of the one before] and what follows. */
static int ask_windows(fr_engine *e, const fr_ids *text, size_t window, scored *rows, size_t *n,
                       fr_err *err)
{
    const fr_tokenizer *t = fr_model_tokenizer(e->model);
    bool bos = fr_tokenizer_adds_bos(t);
    FR_AUTO(fr_ids) ids = { 0 };
    fr_request request = { 0 };
    size_t at = bos ? 0 : 1; /* the next token to be predicted */
    for (*n = 0; at < text->n; (*n)++) {
        fr_ids_clear(&ids);
        fr_ids_put(&ids, bos ? fr_tokenizer_bos(t) : text->at[at - 1]);
        while (ids.n < window && at < text->n)
            fr_ids_put(&ids, text->at[at++]);
        fr_asked *a = NULL;
        FR_TRY(fr_asked_new(e, &request, NULL, &ids, 1, &a, err));
        rows[*n].id = a->id;
    }
    return 0;
}

int fr_engine_nll(fr_engine *e, fr_str text, size_t window, double *nll_sum, size_t *n_tokens,
                  const fr_progress *progress, fr_err *err)
{
    window = window > 0 ? window : e->context;
    if (fr_model_encoder(e->model) != NULL)
        return fr_fail(err, FR_E_USAGE, "Score an answer after a prompt instead.",
                       "'%s' is an encoder–decoder: a text by itself has no likelihood in it",
                       fr_model_path(e->model));
    if (window < 2 || window > e->context)
        return fr_fail(err, FR_E_USAGE, "Choose from 2 up to the context.",
                       "a window of %zu tokens does not fit a context of %zu", window, e->context);
    FR_AUTO(fr_ids) ids = { 0 };
    FR_TRY(fr_tokenizer_encode(fr_model_tokenizer(e->model), text, FR_ENCODE_PLAIN, &ids, err));
    scored *rows = FR_NEW_N(scored, ids.n / (window - 1) + 2);
    size_t n = 0;
    int rc = ask_windows(e, &ids, window, rows, &n, err);
    if (rc == 0)
        rc = run(e, rows, n, progress, err);
    else
        for (size_t i = 0; i < n; i++)
            fr_engine_release(e, rows[i].id);
    *nll_sum = 0;
    *n_tokens = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        *nll_sum -= rows[i].logprob;
        *n_tokens += rows[i].n;
    }
    free(rows);
    return rc;
}
