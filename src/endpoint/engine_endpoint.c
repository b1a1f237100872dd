/* Our own engine: everything that is asked is submitted at once and advances together. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "endpoint/endpoint_priv.h"
#include "text/tokenizer.h"

#define SCORE_AT_ONCE 64 /* between two looks at whether to stop */

typedef struct {
    fr_endpoint base;
    fr_engine *engine;
    const fr_adapter *adapter;
} engine_endpoint;

static void take_answer(const fr_completion *done, fr_answer *a)
{
    *a = (fr_answer){ .text = fr_dup(done->text),
                      .prompt_tokens = done->prompt_tokens,
                      .completion_tokens = done->completion_tokens,
                      .cached_tokens = done->cached_tokens,
                      .finish_reason = fr_finish_name(done->finish),
                      .duration_s = done->prefill_s + done->decode_s };
}

static int submit_all(engine_endpoint *e, const fr_ask *asks, size_t n, uint64_t *ids,
                      size_t *submitted, fr_err *err)
{
    for (; *submitted < n; ++*submitted) {
        const fr_ask *ask = &asks[*submitted];
        fr_request request = { .prompt = ask->prompt,
                               .sampling = ask->sampling,
                               .adapter = e->adapter };
        int rc = fr_engine_submit(e->engine, &request, &ids[*submitted], err);
        if (rc != 0 && err != NULL && n > 1) {
            fr_err why = *err;
            return fr_fail(err, rc, why.hint, "prompt %zu of %zu: %.300s", *submitted + 1, n,
                           why.what);
        }
        FR_TRY(rc);
    }
    return 0;
}

static size_t n_done(const engine_endpoint *e, const uint64_t *ids, size_t n)
{
    size_t done = 0;
    for (size_t i = 0; i < n; i++)
        done += fr_engine_result(e->engine, ids[i]) != NULL;
    return done;
}

static int step_all(engine_endpoint *e, const uint64_t *ids, size_t n, const fr_progress *progress,
                    fr_err *err)
{
    size_t done = 0;
    while (done < n && fr_engine_busy(e->engine)) {
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu answers", done,
                           n);
        FR_TRY(fr_engine_step(e->engine, err));
        size_t now = n_done(e, ids, n);
        if (now != done)
            fr_progress_step(progress, "generate", (double)now, (double)n, "answers", NULL);
        done = now;
    }
    return 0;
}

static int engine_ask(fr_endpoint *base, const fr_ask *asks, size_t n, fr_answer *answers,
                      const fr_progress *progress, fr_err *err)
{
    engine_endpoint *e = (engine_endpoint *)base;
    uint64_t *ids = FR_NEW_N(uint64_t, n);
    size_t submitted = 0;
    int rc = submit_all(e, asks, n, ids, &submitted, err);
    if (rc == 0)
        rc = step_all(e, ids, n, progress, err);
    for (size_t i = 0; i < submitted; i++) {
        const fr_completion *done = fr_engine_result(e->engine, ids[i]);
        if (rc == 0 && done == NULL)
            rc = fr_fail(err, FR_E_FAILED, NULL, "the engine ended without an answer to prompt %zu",
                         i + 1);
        if (rc == 0)
            take_answer(done, &answers[i]);
        fr_engine_release(e->engine, ids[i]);
    }
    free(ids);
    return rc;
}

static int engine_score(fr_endpoint *base, fr_scored *items, size_t n, const fr_progress *progress,
                        fr_err *err)
{
    engine_endpoint *e = (engine_endpoint *)base;
    for (size_t at = 0; at < n; at += SCORE_AT_ONCE) {
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu scores", at, n);
        size_t some = FR_MIN(n - at, (size_t)SCORE_AT_ONCE);
        FR_TRY(fr_engine_score(e->engine, e->adapter, items + at, some, err));
        fr_progress_step(progress, "score", (double)(at + some), (double)n, "texts", NULL);
    }
    return 0;
}

static size_t engine_count(fr_endpoint *base, fr_str text)
{
    engine_endpoint *e = (engine_endpoint *)base;
    fr_ids ids = { 0 };
    int rc =
        fr_tokenizer_encode(fr_model_tokenizer(fr_engine_model(e->engine)), text, 0, &ids, NULL);
    size_t n = rc == 0 ? ids.n : 0;
    fr_ids_fini(&ids);
    return n;
}

static size_t engine_context(const fr_endpoint *base)
{
    const engine_endpoint *e = (const engine_endpoint *)base;
    return fr_engine_context(e->engine);
}

static void engine_free(fr_endpoint *base)
{
    (void)base; /* engine and adapter are borrowed */
}

int fr_endpoint_engine(fr_engine *engine, const fr_adapter *adapter, fr_endpoint **out, fr_err *err)
{
    static const endpoint_kind KIND = { .local = true,
                                        .ask = engine_ask,
                                        .score = engine_score,
                                        .count = engine_count,
                                        .context = engine_context,
                                        .free = engine_free };
    (void)err;
    engine_endpoint *e = FR_NEW(engine_endpoint);
    e->base =
        (fr_endpoint){ .kind = &KIND, .name = fr_dup(fr_model_name(fr_engine_model(engine))) };
    e->engine = engine;
    e->adapter = adapter;
    *out = &e->base;
    return 0;
}
