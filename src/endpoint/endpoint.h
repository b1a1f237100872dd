/**
 * endpoint/endpoint.h: one interface to a generator: our engine, an OpenAI-compatible server, a
 * command. What one cannot do it says (can_score, count, context), and the caller asks another way.
 *
 *     FR_TRY(fr_endpoint_engine(engine, NULL, &ep, err));
 *     fr_ask asks[2] = { { .prompt = … }, { .prompt = … } };
 *     fr_answer answers[2] = { 0 };
 *     FR_TRY(fr_endpoint_ask(ep, asks, 2, answers, progress, err));
 *     puts(answers[0].text);
 *     fr_answer_fini(&answers[0]); …
 *
 * Answers are given whole or not at all: on an error every answer is empty. One thread at a time an
 * endpoint.
 */
#ifndef FR_ENDPOINT_ENDPOINT_H
#define FR_ENDPOINT_ENDPOINT_H

#include "base/progress.h"
#include "infer/embedder.h"
#include "infer/engine.h"

typedef struct fr_endpoint fr_endpoint;

typedef struct {
    fr_str prompt;
    fr_sampling sampling;
} fr_ask;
typedef struct {
    char *text;                              /* owned */
    size_t prompt_tokens, completion_tokens; /* as the endpoint says; 0 when it does not */
    size_t cached_tokens;      /* of the prompt, served from what was computed before; 0: unknown */
    const char *finish_reason; /* static: "stop", "length", "cancelled", "other" */
    double
        duration_s; /* of this answer's own work; its share of the batch where only that is known */
} fr_answer;
void fr_answer_fini(fr_answer *a);

/** engine and adapter are borrowed until free. */
int fr_endpoint_engine(fr_engine *engine, const fr_adapter *adapter, fr_endpoint **out,
                       fr_err *err);
/**
 * OpenAI-compatible: POST base_url/completions (several prompts a request where the server takes
 * them), or base_url/chat/completions when the first is not there. base_url ends with the version,
 * as in "http://localhost:8000/v1"; name is the model's. The key comes from FRUGAL_API_KEY when set
 * and goes nowhere but into the Authorization header. A server's refusal is told in its own words.
 */
int fr_endpoint_http(const char *base_url, const char *name, fr_endpoint **out, fr_err *err);
/**
 * A shell line that reads JSON Lines on stdin, {"prompt", "max_tokens"?, "temperature"?, "seed"?,
 * "stop"?}, and writes one object a line, {"text", "prompt_tokens"?, "completion_tokens"?}, in the
 * same order. One process answers all of an ask() within timeout_s (0: none).
 *
 * Errors of ask  FR_E_CHILD: it failed, or a line (named) is rubbish; FR_E_LIMIT: the time.
 */
int fr_endpoint_command(const char *shell, const char *cwd, double timeout_s, fr_endpoint **out,
                        fr_err *err);
/** Embeddings and re-ranking by our engine; it answers no prompts. Borrowed until free. */
int fr_endpoint_embedder(fr_embedder *embedder, fr_endpoint **out, fr_err *err);
/**
 * A model of Amazon Bedrock, by its Converse API: model_id as Bedrock has it (an id, an inference
 * profile or an ARN). Region "" or NULL: AWS_REGION. Keys come from the environment, at each
 * request; throttling is waited for and tried again. One request a prompt.
 *
 * Errors  FR_E_USAGE names the variable that is missing; of ask FR_E_NETWORK in Bedrock's words.
 */
int fr_endpoint_bedrock(const char *region, const char *model_id, fr_endpoint **out, fr_err *err);
/**
 * By an address, as task files and experiments write it: http://… or https://… (the HTTP kind),
 * "bedrock:REGION" (Amazon Bedrock), or "command:SHELL LINE" (the command; its folder is cwd, its
 * time limit ten minutes).
 *
 * name  of the model; a command needs none.
 */
int fr_endpoint_connect(const char *address, const char *name, const char *cwd, fr_endpoint **out,
                        fr_err *err);
/** One of the forms above. */
bool fr_endpoint_is_address(const char *address);
/** The work behind an address is done by this process's children. */
bool fr_endpoint_address_is_local(const char *address);
void fr_endpoint_free(fr_endpoint *e);
FR_AUTOPTR_DEFINE(fr_endpoint);

const char *fr_endpoint_name(const fr_endpoint *e); /* of the model, for records */
bool fr_endpoint_can_score(const fr_endpoint *e);
/** Its work is done by this process or its children, inside our meter. */
bool fr_endpoint_is_local(const fr_endpoint *e);

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

/* --- meaning: embeddings, and how well a passage answers ------------------------------------- */

bool fr_endpoint_can_embed(const fr_endpoint *e);
bool fr_endpoint_can_rank(const fr_endpoint *e);
/** What tells its model from others: the file's SHA-256, else kind and name. Appended to out. */
int fr_endpoint_mark(fr_endpoint *e, fr_buf *out, fr_err *err);

typedef struct {
    float *at; /* [n][dim], owned */
    size_t n, dim;
    size_t tokens; /* computed; 0: it does not say */
} fr_embeddings;
void fr_embeddings_fini(fr_embeddings *x);
FR_AUTO_DEFINE(fr_embeddings);
/**
 * Texts to embeddings, in order: by our engine (as the embedder normalizes them), by a server
 * (POST base_url/embeddings), by a command ({"input": TEXT} in, {"embedding": [numbers]} out, a
 * line each).
 *
 * out     empty; all or none.
 * Errors  FR_E_UNSUPPORTED it cannot; else as for asking.
 */
int fr_endpoint_embed(fr_endpoint *e, const fr_str *texts, size_t n, fr_embeddings *out,
                      const fr_progress *progress, fr_err *err);
/**
 * How well each passage answers a query; higher is better, the scale is the model's: by our engine
 * with a classification head (its last label), by a server (POST base_url/rerank, as vLLM and
 * llama-server have it), by a command ({"query", "passage"} in, {"score": number} out).
 *
 * scores  [n].
 */
int fr_endpoint_rank(fr_endpoint *e, fr_str query, const fr_str *passages, size_t n, double *scores,
                     const fr_progress *progress, fr_err *err);

#endif
