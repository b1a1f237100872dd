/**
 * adapt/retrieved.h: which passages stand in a rung's prompts: found by words, and where the task
 * names an encoder (data: embed) by meaning, or by both fused. The rung `rag` chooses among them on
 * dev; the others retrieve by words.
 */
#ifndef FR_ADAPT_RETRIEVED_H
#define FR_ADAPT_RETRIEVED_H

#include "adapt/rung.h"
#include "rag/dense.h"

#define FR_PASSAGES_MOST 5 /* in one prompt */

typedef struct {
    fr_mode mode; /* NONE: by words, and no encoder was named */
    char *mark;   /* owned; of the encoder that the vectors were made with; NULL: not known yet */
    fr_embedder *embedder; /* NULL while closed, or where a server embeds */
    fr_endpoint *endpoint; /* NULL while closed */
    fr_dense *dense;
    struct fr_found *found; /* owned, [n_found]: what dev rows found, while a choice is made */
    size_t n_found, cap_found;
    bool remembers;
} fr_retrieval;

/** Where the mode asks for meaning: opens the encoder and the vectors beside dir/index.db.
 * Errors  FR_E_UNSUPPORTED: it is another encoder, or one that makes no embeddings. */
int fr_retrieval_open(fr_rung *r, fr_retrieval *t, fr_index *index, fr_err *err);
void fr_retrieval_close(fr_retrieval *t);
void fr_retrieval_fini(fr_retrieval *t);
/** The best k passages of an input, k at most FR_PASSAGES_MOST when by meaning. out: empty. */
int fr_retrieval_find(fr_retrieval *t, fr_index *index, fr_str input, size_t k, fr_hits *out,
                      fr_err *err);
/** The mode and the encoder, as artifact.json has them; and back: embed borrows from artifact.
 * false: it is not whole. */
void fr_retrieval_save(const fr_rung *r, const fr_retrieval *t, json_t *artifact);
bool fr_retrieval_restore(fr_retrieval *t, const json_t *artifact, fr_task_model *embed);

#endif
