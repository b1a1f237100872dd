/**
 * endpoint/endpoint.h: one interface to a generator: our engine, an OpenAI-compatible server, a
 * command. What one cannot do it says (can_score, can_count), and the caller asks another way.
 *
 *     FR_TRY(fr_endpoint_engine(engine, NULL, &ep, err));
 *     fr_ask asks[2] = { { .prompt = … }, { .prompt = … } };
 *     fr_answer answers[2] = { 0 };
 *     FR_TRY(fr_endpoint_ask(ep, asks, 2, answers, progress, err));
 */
#ifndef FR_ENDPOINT_ENDPOINT_H
#define FR_ENDPOINT_ENDPOINT_H

#include "base/progress.h"
#include "infer/engine.h"

typedef struct fr_endpoint fr_endpoint;

typedef struct {
    fr_str prompt;
    fr_sampling sampling;
} fr_ask;
typedef struct {
    char *text;                              /* owned */
    size_t prompt_tokens, completion_tokens; /* as the endpoint says; 0 when it does not */
    const char *finish_reason;               /* static */
    double duration_s;
} fr_answer;
void fr_answer_fini(fr_answer *a);

/** engine and adapter are borrowed until free. */
int fr_endpoint_engine(fr_engine *engine, const fr_adapter *adapter, fr_endpoint **out,
                       fr_err *err);
/** OpenAI-compatible: POST base_url/completions, else /chat/completions; key from the variable
 * FRUGAL_API_KEY when set. name is the model's. */
int fr_endpoint_http(const char *base_url, const char *name, fr_endpoint **out, fr_err *err);
/** A shell line that reads JSON Lines {"prompt": …} on stdin and writes {"text": …} in order. */
int fr_endpoint_command(const char *shell, const char *cwd, double timeout_s, fr_endpoint **out,
                        fr_err *err);
void fr_endpoint_free(fr_endpoint *e);
FR_AUTOPTR_DEFINE(fr_endpoint);

const char *fr_endpoint_name(const fr_endpoint *e); /* of the model, for records */
bool fr_endpoint_can_score(const fr_endpoint *e);
bool fr_endpoint_is_local(const fr_endpoint *e); /* its energy is inside our meter */

/** All of them, as one batch where that is possible. answers [n], filled in order. */
int fr_endpoint_ask(fr_endpoint *e, const fr_ask *asks, size_t n, fr_answer *answers,
                    const fr_progress *progress, fr_err *err);
/** Log-probability of continuations; FR_E_UNSUPPORTED unless can_score. */
int fr_endpoint_score(fr_endpoint *e, fr_scored *items, size_t n, const fr_progress *progress,
                      fr_err *err);
/** Tokens of a text; 0 when the endpoint cannot count. */
size_t fr_endpoint_count(fr_endpoint *e, fr_str text);
/** Largest prompt + completion; 0: unknown. */
size_t fr_endpoint_context(const fr_endpoint *e);

#endif
