/* Shared between the files of src/infer only. */
#ifndef FR_INFER_PRIV_H
#define FR_INFER_PRIV_H

#include "infer/engine.h"

/* ---- sampling.c ------------------------------------------------------------------------------ */

typedef struct {
    float logit;
    int32_t id;
} fr_choice;

/* The token that `sampling` takes from logits [n_vocab]; u in [0, 1) is its random number.
 * choices [n_vocab] is room to work in. -1 when no logit is a number above -infinity. */
int32_t fr_sample(const fr_sampling *sampling, const float *logits, size_t n_vocab, double u,
                  fr_choice *choices);
/* Penalties and biases, in place. ids: the prompt, then what was generated. counts [n_vocab] is all
 * zero before and after. */
void fr_logits_adjust(const fr_sampling *s, const int32_t *ids, size_t n_prompt, size_t n_ids,
                      float *logits, size_t n_vocab, uint32_t *counts);
bool fr_sampling_adjusts(const fr_sampling *s);
/* Log of the softmax of logits [n_vocab] at an id; NAN when no logit is a number. */
double fr_logprob(const float *logits, size_t n_vocab, int32_t id);

/* ---- constrain.c: completions that follow a grammar -------------------------------------------
 */

struct fr_engine;
struct fr_asked;
/* Makes the matcher of a request with a grammar. */
void fr_constrain_begin(struct fr_engine *e, struct fr_asked *a);
/* -infinity for what the grammar does not allow here. false: the text is whole and can only end. */
bool fr_constrain_logits(struct fr_engine *e, struct fr_asked *a, float *logits);

/* ---- stream.c: bytes of tokens to text, stop strings --------------------------------------- */

typedef struct {
    fr_buf text;  /* valid UTF-8, up to a stop string */
    char tail[4]; /* bytes of a character that is not complete yet */
    size_t tail_n;
    size_t given; /* how much of text was handed to on_text */
    char **stop;  /* owned */
    size_t n_stop;
    bool stopped;
} fr_stream;

void fr_stream_init(fr_stream *s, const char *const *stop, size_t n_stop);
void fr_stream_fini(fr_stream *s);
/* True when a stop string is complete: text ends before it. */
bool fr_stream_put(fr_stream *s, fr_str bytes);
/* What may be shown now and was not yet: never the beginning of what may become a stop string,
 * unless nothing follows any more. */
fr_str fr_stream_take(fr_stream *s, bool ended);

/* ---- requests -------------------------------------------------------------------------------- */

typedef enum { FR_REQUEST_QUEUED, FR_REQUEST_RUNNING, FR_REQUEST_DONE } fr_request_state;

/* A completion, or (score_from > 0) a row of tokens whose likelihood is asked for. */
typedef struct fr_asked {
    uint64_t id;
    fr_request_state state;
    int32_t *ids; /* owned; the prompt, then what was generated */
    size_t n_prompt, n_ids, ids_cap;
    int32_t *source; /* owned; of an encoder–decoder: what the encoder reads; ids begin with the
                        decoder's first token */
    size_t n_source;
    bool was_read;
    size_t score_from; /* tokens from here on are scored */
    double logprob;
    size_t n_scored;
    fr_sampling sampling;
    fr_logit_bias *bias; /* owned; what sampling.bias points to */
    fr_matcher *matcher; /* owned; of sampling.grammar */
    uint64_t random_stream;
    const fr_adapter *adapter;
    void (*on_text)(void *user, fr_str piece);
    void *user;
    int slot; /* -1: none */
    fr_stream stream;
    fr_completion done;
    struct fr_asked *next;
} fr_asked;

/* ---- slots.c: sequences of the KV cache, and what they hold --------------------------------- */

typedef struct {
    int32_t *tokens; /* owned; what the cache holds, from position 0 */
    size_t n, cap;
    const fr_adapter *adapter;
    fr_asked *asked; /* NULL: free; what it holds may be reused */
    uint64_t used_at;
} fr_slot;

struct fr_engine {
    fr_model *model;
    fr_model *owned_model; /* NULL: somebody else's */
    fr_pool *pool;
    fr_kv *kv;
    fr_work_sink work;
    double load_s;
    fr_format kv_format;
    size_t context, step_tokens, logits_max;
    bool no_prefix_cache;
    bool *ends;        /* [n_vocab] tokens that end a completion */
    fr_pieces *pieces; /* of the vocabulary, for grammars; NULL until one is asked for */
    fr_str *piece_texts;

    fr_slot *slots;
    size_t n_slots;
    uint64_t clock; /* counts uses of slots */

    fr_asked *first, *last; /* in order of submission */
    uint64_t next_id;
    size_t n_open; /* queued or running */

    /* one step's room */
    fr_row *rows;
    size_t rows_max;
    struct fr_row_of *row_of;
    float *logits; /* [logits_cap][n_vocab]; grows to what a step wanted, at most logits_max */
    size_t logits_cap;
    fr_choice *choices;
    uint32_t *counts; /* [n_vocab], all zero; NULL until a request has penalties */
    fr_work_part *parts;
    struct fr_step_share *shares;
};

/* Which request a row belongs to, and its FLOPs. */
typedef struct fr_row_of {
    fr_asked *asked;
    size_t slot;
    double flops;
    bool decode;
} fr_row_of;

/* What a slot's request did in this step. */
typedef struct fr_step_share {
    size_t first_row, n_rows;
    double prefill_flops, decode_flops, read_flops; /* read: of prefill, the encoder's */
    uint32_t prompt_tokens, generated_tokens;
    bool visited; /* its adapter's pass was made */
} fr_step_share;

/* Gives a queued request a slot, with as much of its prompt as some slot holds already. false:
 * none is free, or another request is just computing a longer common prefix, worth waiting for. */
bool fr_slots_admit(fr_engine *e, fr_asked *a);
/* The request no longer needs its slot; what is in it stays for others. */
void fr_slots_leave(fr_engine *e, fr_asked *a);

/* memory.c: refuses what does not fit, or shortens a context that nobody asked for. */
int fr_engine_fit(fr_engine *e, const fr_engine_options *o, double token_bytes, fr_err *err);

/* engine.c */
/* source: what the encoder of an encoder–decoder reads; NULL elsewhere. */
int fr_asked_new(fr_engine *e, const fr_request *request, const fr_ids *source, const fr_ids *ids,
                 size_t score_from, fr_asked **out, fr_err *err);
void fr_asked_finish(fr_engine *e, fr_asked *a, fr_finish how);

#endif
