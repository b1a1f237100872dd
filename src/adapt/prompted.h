/**
 * adapt/prompted.h: the part that all rungs with a generator share: a model behind an endpoint, a
 * prompt built from labels, shots and passages, and an answer read from what comes back. The six
 * rungs differ in what stands in the prompt and in whose weights are loaded.
 */
#ifndef FR_ADAPT_PROMPTED_H
#define FR_ADAPT_PROMPTED_H

#include "adapt/retrieved.h"
#include "adapt/rung.h"
#include "adapt/sureness.h"
#include "endpoint/endpoint.h"
#include "prompt/shots.h"
#include "rag/rag.h"

#define FR_DEV_ROWS 48 /* rows of dev that a choice among settings is made on */

typedef struct {
    /* what the prompt has */
    fr_shot *shots; /* those of every prompt; texts borrowed from train; [n_shots_max] */
    size_t n_shots_max, n_shots;
    fr_shot_choice choice; /* SIMILAR: chosen from the pool for each input instead */
    fr_shots *pool;
    fr_shot *pool_rows; /* owned; what pool looks at */
    char *instruction;  /* owned; NULL: none */
    size_t n_passages;
    size_t max_tokens; /* of an answer */
    /* what answers; NULL while closed */
    fr_model *model;
    fr_engine *engine;
    fr_adapter *adapter;
    fr_endpoint *endpoint;
    fr_index *index;
    fr_retrieval retrieval; /* how it is asked */
    bool searches;          /* the index is open though no passage stands in the prompt */
    fr_grammar *grammar;    /* of the labels, for a technique's answers; NULL: none */
    fr_hits hits;           /* of the prompt being written */
    fr_str passages[8];     /* their texts */
    size_t context;
    fr_prompt_wording wording; /* of the prompt's own words */
    /* who wants to know how sure answers are, and where the next one goes; NULL: nobody */
    fr_sureness *sureness;
    size_t sureness_at;
    /* counts of what went wrong quietly, told in the notes once */
    size_t n_asked, n_too_long, n_cut, n_unmatched;
    size_t n_calls, n_samples, n_traced; /* of the techniques */
} fr_prompted;

/** The state of a rung, made at the first call. */
fr_prompted *fr_prompted_of(fr_rung *r);
/** Common rows of fr_rung_kind. */
int fr_prompted_open_with(fr_rung *r, const char *model_path, const char *adapter_path,
                          fr_err *err);
int fr_prompted_open(fr_rung *r, fr_err *err);
int fr_prompted_answer(fr_rung *r, const fr_str *inputs, size_t n, bool together, char **answers,
                       fr_err *err);
/** The same, and how sure each answer is; all NAN where the endpoint tells no likelihoods. */
int fr_prompted_answer_sure(fr_rung *r, const fr_str *inputs, size_t n, bool together,
                            char **answers, fr_sureness *sureness, fr_err *err);
int fr_prompted_likelihood(fr_rung *r, const fr_str *inputs, const fr_str *outputs, size_t n,
                           double *nll, size_t *tokens, fr_err *err);
int fr_prompted_forget(fr_rung *r, fr_err *err);
void fr_prompted_close(fr_rung *r);
void fr_prompted_free(fr_rung *r);
int fr_prompted_save(fr_rung *r, json_t *artifact, fr_err *err);

/** Reasons that all share: a metric or kind that a generator cannot serve. */
bool fr_prompted_fits(fr_rung *r);
/** The prompt of one input, with as many passages and shots as the context has room for; *fits
 * false when not even the bare one fits. Appended to out. */
int fr_prompted_build_prompt(fr_rung *r, fr_str input, fr_buf *out, bool *fits, fr_err *err);
/** Rows that examples are chosen from; copied, their texts borrowed. Done once. */
int fr_prompted_pool(fr_rung *r, const fr_shot *rows, size_t n, fr_err *err);
/** Which examples stand in every prompt, as far as the choice is not the input's. */
void fr_prompted_use_shots(fr_prompted *p, fr_shot_choice choice, size_t n);
/** One way of asking, among which prompt_search.c searches. */
typedef struct {
    fr_shot_choice choice;
    size_t n_shots;
    const char *instruction, *origin; /* NULL: none */
} fr_prompt_arm;
/** The best on dev by successive halving; of equals the shorter prompt. What comes of it stands in
 * r->chosen and in the state. */
int fr_prompted_search(fr_rung *r, const fr_prompt_arm *arms, size_t n, fr_err *err);
int fr_prompted_build_zero_shot(fr_rung *r, fr_err *err);
int fr_prompted_build_few_shot(fr_rung *r, fr_err *err);
/** Large enough to follow an instruction that it was not trained on (as far as size tells), or a
 * server's, whose size nobody knows. */
bool fr_prompted_follows(fr_rung *r);
/** Builds the index over the documents in the rung's folder, when there is none yet. */
int fr_prompted_index(fr_rung *r, fr_err *err);
/** Longest answer to allow, from the outputs of train. */
size_t fr_prompted_max_tokens(const fr_rung *r, const fr_tokenizer *tokenizer);

/** Means over a sample of train and dev rows, for predictions. */
typedef struct {
    double input_tokens;  /* of the bare prompt, with the labels */
    double row_tokens;    /* what one shot adds */
    double output_tokens; /* of an answer */
    double label_tokens;  /* all labels' continuations together */
    double passage_tokens;
    double longest; /* prompt and output of the longest row */
    fr_shape shape;
} fr_prompt_sizes;
int fr_prompted_sizes(fr_rung *r, fr_prompt_sizes *out, fr_err *err);
/** FLOPs of one request with a prompt of `prompt_tokens`: prefill and decode apart. */
void fr_prompted_flops(const fr_rung *r, const fr_prompt_sizes *s, const fr_shape *shape,
                       double prompt_tokens, double *prefill, double *decode);
/** A rung of prompts that grow by `each` tokens (0: a shot's, a passage's), so many times in the
 * middle, at least, at most, and whose build asks dev for n_options settings. */
int fr_prompted_predict(fr_rung *r, double mid, double least, double most, double each,
                        double n_options, fr_rung_forecast *out, fr_err *err);
fr_forecast fr_prompted_request(const fr_rung *r, const fr_prompt_sizes *s, const fr_shape *shape,
                                double prompt_tokens);

#endif
