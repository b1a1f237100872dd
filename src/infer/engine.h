/**
 * infer/engine.h: sessions: requests go in (submit), all advance together (step), text comes out.
 *
 * The mechanism, not the policy: the engine batches what is submitted, shares common prefixes, and
 * samples; who waits, sleeps or is refused is decided above.
 *
 *     FR_TRY(fr_engine_open("model.gguf", &(fr_engine_options){ .threads = 2 }, &engine, err));
 *     fr_request request = { .prompt = FR_STR("Once upon a time"), .sampling.max_tokens = 32 };
 *     FR_TRY(fr_engine_submit(engine, &request, &id, err));
 *     while (fr_engine_busy(engine))
 *         FR_TRY(fr_engine_step(engine, err));
 *     const fr_completion *done = fr_engine_result(engine, id);   borrowed until released
 *     fr_engine_release(engine, id);
 *
 * Text does not change with batch, prefix cache or thread count. Threads: one caller at a time.
 */
#ifndef FR_INFER_ENGINE_H
#define FR_INFER_ENGINE_H

#include "base/progress.h"
#include "model/model.h"
#include "text/grammar.h"

typedef struct fr_engine fr_engine;

typedef struct {
    int threads;        /* 0: one per processor */
    size_t context;     /* largest prompt + completion; 0: the model's */
    size_t max_batch;   /* sequences stepped together; 0: 16 */
    size_t step_tokens; /* prompt tokens in one step at most; 0: 256 */
    bool no_prefix_cache;
    double memory_bytes; /* that may be taken; 0: what is available */
    const char *kv;      /* format of keys and values: "f32", "f16", "q8_0"; NULL: the model's */
    fr_work_sink work;
} fr_engine_options;

/**
 * Zero is greedy: the most likely token (of equals the lowest id), up to the context's end.
 *
 * With a temperature the order is: probabilities from logits / temperature; top-k keeps the k most
 * likely (of equals the lower ids); top-p keeps of those, renormalized, the fewest most likely that
 * reach p together; min-p drops those below min_p times the most likely one; typical-p keeps the
 * fewest (and their equals) that together reach it, nearest first to the entropy of what is left
 * (Meister et al. 2022,
 * arXiv:2202.00666). What remains is drawn from, by a random number that depends on the seed, the
 * prompt's ids and the place in the completion alone: not on the batch, nor on what else was asked.
 *
 * Before all that, also when greedy, the logits are changed: the repetition penalty divides a logit
 * above zero and multiplies one below for each token of prompt and completion (Keskar et al. 2019,
 * arXiv:1909.05858); frequency and presence penalties are taken off for each time, and for the
 * first time, that a token stands in the completion, and biases are added (OpenAI's API).
 */
typedef struct {
    int32_t id;
    double bias; /* -INFINITY: never */
} fr_logit_bias;

typedef struct {
    double temperature;
    int top_k;                 /* 0: off */
    double top_p;              /* 0 or 1: off */
    double min_p;              /* 0: off */
    double typical_p;          /* 0 or 1: off */
    double repetition_penalty; /* 0 or 1: off; above 1 discourages */
    size_t repetition_last;    /* looks at so many tokens before; 0: at all */
    double frequency_penalty, presence_penalty;
    const fr_logit_bias *bias; /* [n_bias]; NULL: none. Copied when submitted. */
    size_t n_bias;
    /**
     * The completion follows it; NULL: none. Shared, must outlive the request. A completion that
     * can only end ends, as "stop"; it may end early at max_tokens or at the context's end.
     */
    const fr_grammar *grammar;
    uint64_t seed;
    bool ignore_end;   /* tokens that end are never taken: for measuring */
    size_t max_tokens; /* of the completion; 0: until the context is full */
    size_t max_length; /* of prompt and completion together; 0: the context. The sooner ends. */
    const char *const *stop; /* stop strings; NULL: none. The text ends before them. */
    size_t n_stop;
} fr_sampling;

typedef struct {
    fr_str prompt; /* or ids */
    const int32_t *ids;
    size_t n_ids;
    bool no_special; /* do not add BOS */
    fr_sampling sampling;
    const fr_adapter *adapter; /* NULL: none; must outlive the request */
    /** Called on the step's thread with complete characters only; may cancel, not release. */
    void (*on_text)(void *user, fr_str piece);
    void *user;
} fr_request;

typedef enum fr_finish {
    FR_FINISH_NONE,
    FR_FINISH_STOP,
    FR_FINISH_LENGTH,
    FR_FINISH_CANCELLED
} fr_finish;
const char *fr_finish_name(fr_finish f); /* "stop", "length", "cancelled" */

/**
 * text    valid UTF-8: bytes that are no character are U+FFFD, and so is NUL; a character that the
 *         last token left incomplete is dropped. It is all that on_text was given, in one piece.
 * ids     without the token that ended it; those of a stop string are still in.
 */
typedef struct {
    const char *text;
    const int32_t *ids; /* [completion_tokens] */
    size_t prompt_tokens, cached_tokens, completion_tokens;
    fr_finish finish;
    double prefill_s, decode_s; /* wall time of the steps it was in, by its share of their FLOPs */
    double flops;
} fr_completion;

/**
 * Memory is looked at before it is taken: FR_E_NO_MEMORY says what is needed, what is there and
 * what would fit. A context that nobody asked for is shortened to what fits, and a warning is
 * logged.
 */
int fr_engine_open(const char *model_path, const fr_engine_options *options, fr_engine **out,
                   fr_err *err);
/** On a model that is already open; shared, must outlive the engine. */
int fr_engine_new(fr_model *model, const fr_engine_options *options, fr_engine **out, fr_err *err);
void fr_engine_free(fr_engine *e);
FR_AUTOPTR_DEFINE(fr_engine);
fr_model *fr_engine_model(fr_engine *e);
fr_pool *fr_engine_pool(fr_engine *e);
double fr_engine_load_s(const fr_engine *e);
size_t fr_engine_context(const fr_engine *e);            /* largest prompt + completion */
size_t fr_engine_kv_bytes_per_token(const fr_engine *e); /* of keys and values */
void fr_engine_listen(fr_engine *e, fr_work_sink work);  /* replaces the sink */

/** FR_E_LIMIT when the prompt does not fit the context (never cut silently). Copies what it needs.
 */
int fr_engine_submit(fr_engine *e, const fr_request *request, uint64_t *id, fr_err *err);
bool fr_engine_busy(const fr_engine *e);
/** On an error (of the model, or outputs that are no numbers) the step's requests end as cancelled.
 */
int fr_engine_step(fr_engine *e, fr_err *err);
/** Keeps the text so far; a second time, or for an unknown id, nothing happens. */
void fr_engine_cancel(fr_engine *e, uint64_t id);
/** NULL while it runs. Borrowed until release. */
const fr_completion *fr_engine_result(const fr_engine *e, uint64_t id);
/** Cancels it first if it still runs. */
void fr_engine_release(fr_engine *e, uint64_t id);

/**
 * Sum of log-probabilities of `continuation` after `prompt` (both tokenized apart), one for each
 * of n; prompts that share a prefix are computed once.
 */
typedef struct {
    fr_str prompt, continuation;
    double logprob;  /* out */
    size_t n_tokens; /* out: tokens of the continuation */
} fr_scored;
int fr_engine_score(fr_engine *e, const fr_adapter *adapter, fr_scored *items, size_t n,
                    fr_err *err);

/**
 * Negative log-likelihood of a text in windows of `window` tokens (0: the context). A window begins
 * with BOS where the vocabulary has one, else with the last token of the window before; each other
 * token is predicted once, so n_tokens does not depend on the window: all of them, or with no BOS
 * all but the first.
 */
int fr_engine_nll(fr_engine *e, fr_str text, size_t window, double *nll_sum, size_t *n_tokens,
                  const fr_progress *progress, fr_err *err);

/**
 * What each token tells given those before it [nat]: -ln p. With a BOS where the vocabulary has
 * one, else nats[0] is NAN. Beyond the context each token still has at least half of one before it.
 *
 * nats  [n]. Does not disturb what was submitted.
 */
int fr_engine_surprise(fr_engine *e, const int32_t *ids, size_t n, double *nats, fr_err *err);

#endif
