/* What `frugal rag` needs to search by meaning: models for embeddings and re-ranking, shared
 * stores. */
#ifndef FR_CLI_RAG_DENSE_H
#define FR_CLI_RAG_DENSE_H

#include "cli/rag_given.h"
#include "rag/dense.h"

#define FR_OPTIONS_RAG_EMBED                                                                       \
    { "embed", 0, FR_OPTION_TEXT, "MODEL",                                                         \
      "embeddings by a model: a GGUF file, http://HOST/v1#NAME, command:LINE" },                   \
        { "codes", 0, FR_OPTION_TEXT, "CODES",                                                     \
          "of vectors that are made: auto, f32, int8, binary (default auto)" },                    \
        { "pooling", 0, FR_OPTION_TEXT, "P", "mean, cls, last (default: as the file says)" },      \
        { "prefix", 0, FR_OPTION_TEXT, "TEXT", "before each passage, as \"passage: \"" },          \
        { "query-prefix", 0, FR_OPTION_TEXT, "TEXT", "before each question, as \"query: \"" },     \
    {                                                                                              \
        "threads", 't', FR_OPTION_I64, "N", "processor threads (default: all)"                     \
    }
#define FR_OPTIONS_RAG_SEARCH                                                                      \
    { "mode", 0, FR_OPTION_TEXT, "MODE",                                                           \
      "lexical, dense, hybrid (default: hybrid with --embed, else lexical)" },                     \
        { "rerank", 0, FR_OPTION_TEXT, "MODEL",                                                    \
          "read the best again with a cross-encoder; named as for --embed" },                      \
    {                                                                                              \
        "rerank-n", 0, FR_OPTION_I64, "N", "so many of the best (default 20)"                      \
    }

/* Models of one command. Zero-initialized: none. */
typedef struct {
    fr_embedder *embedder, *ranker; /* of files */
    fr_endpoint *embed, *rerank;    /* NULL: not asked for */
    fr_pool *pool;
    fr_dense_options options;
    fr_mode mode;
    size_t rerank_n;
} fr_rag_models;
/** Opens what --embed (and, of a command that searches, --rerank) names, inside a run. */
int fr_rag_models_given(fr_cli *cli, fr_run *run, bool searches, fr_rag_models *m, fr_err *err);
void fr_rag_models_fini(fr_rag_models *m);
FR_AUTO_DEFINE(fr_rag_models);
/** Embeds what has no vector yet, and tells. *counts may be NULL. */
int fr_rag_embed(fr_cli *cli, fr_run *run, fr_rag_models *m, const char *index_path,
                 fr_dense_counts *counts, fr_err *err);
/** The dense side of an index; NULL without --embed. Warns of chunks without vectors. */
int fr_rag_dense_open(fr_cli *cli, fr_rag_models *m, const char *index_path, fr_index *index,
                      fr_dense **out, fr_err *err);
/** embedded_chunks, kept_chunks, embed_tokens. */
void fr_rag_counts_json(const fr_dense_counts *counts, json_t *o);
/** mode, embed_cpu_s, search_cpu_s, rerank_cpu_s, embed_tokens, reranked. */
void fr_rag_spent_json(fr_mode mode, const fr_retrieve_spent *spent, json_t *o);

/* --- shared stores --- */

/** Puts every chunk of an index into a store; vectors too with --embed. */
int fr_rag_store_fill(fr_cli *cli, fr_run *run, fr_rag_models *m, const char *index_path,
                      const char *url, size_t *n, fr_err *err);
/** Hits of a store. */
int fr_rag_store_search(fr_cli *cli, fr_rag_models *m, const char *url, fr_str text, size_t k,
                        const fr_filter *filters, size_t n_filters, fr_hits *out, fr_err *err);

#endif
