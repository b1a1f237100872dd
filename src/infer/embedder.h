/**
 * infer/embedder.h: texts to embeddings, and to classes: encoders (bert, nomic-bert, t5encoder), or
 * the last hidden states of any other model.
 *
 *     FR_TRY(fr_embedder_open("encoder.gguf", &(fr_embedder_options){ .threads = 2 }, &e, err));
 *     float *out = FR_NEW_N(float, n * fr_embedder_dim(e));
 *     FR_TRY(fr_embedder_embed(e, texts, n, out, err));        out[i] · out[j] is their cosine
 *
 * What a text becomes does not depend on what else is asked for, nor on threads: to the bit.
 * Threads: one caller at a time.
 */
#ifndef FR_INFER_EMBEDDER_H
#define FR_INFER_EMBEDDER_H

#include "model/model.h"

typedef struct fr_embedder fr_embedder;

typedef struct {
    int threads;        /* 0: one per processor */
    fr_pooling pooling; /* NONE: as the file says; where it does not: the mean in encoders, else the
                           last token */
    bool raw;           /* embeddings keep their length; else it is made one */
    bool truncate;      /* texts beyond the model's context are cut at their end; else refused */
    size_t step_tokens; /* tokens computed together at most, or one text; 0: 512 */
    fr_work_sink work;
} fr_embedder_options;

int fr_embedder_open(const char *path, const fr_embedder_options *options, fr_embedder **out,
                     fr_err *err);
/** On a model that is already open; shared, must outlive the embedder. */
int fr_embedder_new(fr_model *model, const fr_embedder_options *options, fr_embedder **out,
                    fr_err *err);
void fr_embedder_free(fr_embedder *e);
FR_AUTOPTR_DEFINE(fr_embedder);

fr_model *fr_embedder_model(fr_embedder *e);
size_t fr_embedder_dim(const fr_embedder *e);
size_t fr_embedder_context(const fr_embedder *e); /* tokens of the longest text, special ones in */
fr_pooling fr_embedder_pooling(const fr_embedder *e);
const char *fr_pooling_name(fr_pooling p); /* "mean", "cls", "last", "rank", "none" */
/** Tokens computed, and texts cut, since it was opened. */
uint64_t fr_embedder_n_tokens(const fr_embedder *e);
uint64_t fr_embedder_n_cut(const fr_embedder *e);
void fr_embedder_listen(fr_embedder *e, fr_work_sink work);

/**
 * texts   [n], any bytes; an empty one has an embedding where the vocabulary frames texts (as
 *         BERT's [CLS] [SEP]), else it is refused.
 * out     [n][dim], in the order of the texts.
 * Errors  FR_E_LIMIT a text is longer than the context (its number and tokens are told);
 *         FR_E_USAGE with pooling "rank", which has scores, not embeddings.
 */
int fr_embedder_embed(fr_embedder *e, const fr_str *texts, size_t n, float *out, fr_err *err);

/**
 * Classification and re-ranking, by a model with such a head: logits [n][n_labels]. The model reads
 * first[i], and where second is not NULL the pair (first[i], second[i]): query and passage.
 */
int fr_embedder_classify(fr_embedder *e, const fr_str *first, const fr_str *second, size_t n,
                         float *logits, fr_err *err);
size_t fr_embedder_n_labels(const fr_embedder *e); /* 0: no head */

#endif
