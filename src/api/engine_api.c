/* The engine's public face: plain C types in front of infer/engine.h. Options are copied by their
 * stated size, so that fields which a caller does not know are zero. */
#include <frugal/engine.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "infer/engine.h"

struct fr_llm {
    fr_engine *engine;
    size_t context;
};

/* FR_E_USAGE for a size that no header had. */
static int copy_options(void *to, size_t known, const void *from, size_t stated, size_t least,
                        fr_err *err)
{
    if (from == NULL)
        return 0;
    if (stated < least || stated > 4096)
        return fr_fail(err, FR_E_USAGE, "Set .size to sizeof of the struct.",
                       "an option struct states a size of %zu bytes", stated);
    memcpy(to, from, FR_MIN(known, stated));
    return 0;
}

int fr_llm_open(const char *path, const fr_llm_options *options, fr_llm **out, fr_err *err)
{
    fr_llm_options o = { 0 };
    *out = NULL;
    FR_TRY(copy_options(&o, sizeof(o), options, options != NULL ? options->size : 0,
                        offsetof(fr_llm_options, context), err));
    if (path == NULL || o.threads < 0)
        return fr_fail(err, FR_E_USAGE, NULL,
                       path == NULL ? "no model is named" : "a negative number of threads");
    fr_engine *engine = NULL;
    fr_engine_options inner = {
        .threads = o.threads, .context = o.context, .max_batch = 1, .work = o.work
    };
    FR_TRY(fr_engine_open(path, &inner, &engine, err));
    *out = FR_NEW(fr_llm);
    (*out)->engine = engine;
    (*out)->context = o.context > 0 ? o.context : fr_model_shape(fr_engine_model(engine))->context;
    return 0;
}

void fr_llm_free(fr_llm *llm)
{
    if (llm == NULL)
        return;
    fr_engine_free(llm->engine);
    free(llm);
}

const char *fr_llm_name(const fr_llm *llm)
{
    return fr_model_name(fr_engine_model(llm->engine));
}

size_t fr_llm_context(const fr_llm *llm)
{
    return llm->context;
}

size_t fr_llm_n_vocab(const fr_llm *llm)
{
    return fr_model_shape(fr_engine_model(llm->engine))->n_vocab;
}

typedef struct {
    fr_engine *engine;
    uint64_t id;
    fr_llm_text_fn fn;
    void *user;
    bool stopped;
} listener;

static void show(void *user, fr_str piece)
{
    listener *l = user;
    if (l->stopped || l->fn(l->user, piece.at, piece.n) == 0)
        return;
    l->stopped = true;
    fr_engine_cancel(l->engine, l->id);
}

static void take_result(const fr_completion *c, fr_llm_result *out)
{
    *out = (fr_llm_result){ .text = fr_dup(c->text),
                            .ids = FR_NEW_N(int32_t, c->completion_tokens),
                            .prompt_tokens = c->prompt_tokens,
                            .cached_tokens = c->cached_tokens,
                            .completion_tokens = c->completion_tokens,
                            .finish_reason = fr_finish_name(c->finish),
                            .prefill_s = c->prefill_s,
                            .decode_s = c->decode_s,
                            .flops = c->flops };
    if (c->completion_tokens > 0)
        memcpy(out->ids, c->ids, c->completion_tokens * sizeof(*out->ids));
}

int fr_llm_generate(fr_llm *llm, const char *prompt, const fr_llm_generation *how,
                    fr_llm_result *result, fr_err *err)
{
    fr_llm_generation h = { 0 };
    memset(result, 0, sizeof(*result));
    FR_TRY(copy_options(&h, sizeof(h), how, how != NULL ? how->size : 0,
                        offsetof(fr_llm_generation, top_k), err));
    listener l = { .engine = llm->engine, .fn = h.on_text, .user = h.user };
    fr_request r = { .prompt = fr_str_of(prompt),
                     .no_special = h.plain != 0,
                     .sampling = { .temperature = h.temperature,
                                   .top_k = h.top_k,
                                   .top_p = h.top_p,
                                   .min_p = h.min_p,
                                   .typical_p = h.typical_p,
                                   .repetition_penalty = h.repetition_penalty,
                                   .frequency_penalty = h.frequency_penalty,
                                   .presence_penalty = h.presence_penalty,
                                   .seed = h.seed,
                                   .max_tokens = h.max_tokens,
                                   .stop = h.stop,
                                   .n_stop = h.stop != NULL ? h.n_stop : 0 },
                     .on_text = h.on_text != NULL ? show : NULL,
                     .user = &l };
    FR_TRY(fr_engine_submit(llm->engine, &r, &l.id, err));
    int rc = 0;
    while (rc == 0 && fr_engine_busy(llm->engine))
        rc = fr_engine_step(llm->engine, err);
    if (rc == 0)
        take_result(fr_engine_result(llm->engine, l.id), result);
    fr_engine_release(llm->engine, l.id);
    return rc;
}

void fr_llm_result_clear(fr_llm_result *result)
{
    free(result->text);
    free(result->ids);
    memset(result, 0, sizeof(*result));
}

int fr_llm_tokenize(const fr_llm *llm, const char *text, size_t bytes, int plain, int32_t **ids,
                    size_t *n, fr_err *err)
{
    FR_AUTO(fr_ids) out = { 0 };
    int flags = plain != 0 ? FR_ENCODE_PLAIN : FR_ENCODE_BOS | FR_ENCODE_SPECIAL;
    const fr_tokenizer *t = fr_model_tokenizer(fr_engine_model(llm->engine));
    FR_TRY(fr_tokenizer_encode(t, (fr_str){ text, bytes }, flags, &out, err));
    *n = out.n;
    *ids = out.at != NULL ? out.at : FR_NEW(int32_t);
    out = (fr_ids){ 0 };
    return 0;
}

int fr_llm_detokenize(const fr_llm *llm, const int32_t *ids, size_t n, char **text, size_t *bytes,
                      fr_err *err)
{
    FR_AUTO(fr_buf) out = { 0 };
    fr_tokenizer_decode(fr_model_tokenizer(fr_engine_model(llm->engine)), ids, n, false, &out);
    if (out.full)
        return fr_fail(err, FR_E_LIMIT, NULL, "%zu tokens give more than 1 GiB of text", n);
    if (bytes != NULL)
        *bytes = out.n;
    *text = fr_buf_take(&out);
    return 0;
}
