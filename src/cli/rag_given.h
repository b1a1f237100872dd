/* What the words of `frugal rag` share: a metered run, documents told of, filters, hits as JSON. */
#ifndef FR_CLI_RAG_GIVEN_H
#define FR_CLI_RAG_GIVEN_H

#include "cli/cli.h"
#include "model/model.h"
#include "rag/documents.h"
#include "rag/rag.h"

/* A run around one piece of work. Zero-initialized is closed. */
typedef struct {
    fr_run *run;
    fr_used used; /* filled by fr_rag_work_end() */
} fr_rag_work;
int fr_rag_work_begin(fr_cli *cli, const char *kind, const char *name, fr_rag_work *w, fr_err *err);
int fr_rag_work_end(fr_rag_work *w, const char *status, fr_err *err);
void fr_rag_work_fini(fr_rag_work *w); /* still open: failed */
FR_AUTO_DEFINE(fr_rag_work);
/** energy_j, energy_low_j, energy_high_j, method, cpu_s, duration_s, carbon_g. */
void fr_rag_work_json(const fr_rag_work *w, json_t *o);
/** "0.12 s of CPU, ~3.4 J (modelled), 0.1 mgCO2e". */
void fr_rag_work_text(const fr_rag_work *w, char out[128]);

/** The tokenizer of --tokenizer behind a measure. Zero-initialized: none was given. */
typedef struct {
    fr_tokenizer *tokenizer;
    char name[128]; /* of the file, with a hash of the vocabulary */
} fr_rag_tokenizer;
int fr_rag_tokenizer_given(fr_cli *cli, fr_rag_tokenizer *t, fr_err *err);
void fr_rag_tokenizer_fini(fr_rag_tokenizer *t);
FR_AUTO_DEFINE(fr_rag_tokenizer);
/** --chunk-tokens, --chunk-chars, --overlap, --analyzer and the tokenizer, into options. */
int fr_rag_sizes_given(fr_cli *cli, fr_rag_tokenizer *t, fr_index_options *o, fr_err *err);
#define FR_OPTIONS_RAG_SIZES                                                                       \
    { "analyzer", 0, FR_OPTION_TEXT, "NAME",                                                       \
      "plain, en, de, es, fr, … (auto, the default: by the texts' words)" },                       \
        { "chunk-chars", 0, FR_OPTION_I64, "N", "characters a chunk at most (default 1200)" },     \
        { "chunk-tokens", 0, FR_OPTION_I64, "N", "tokens a chunk at most, instead" },              \
        { "overlap", 0, FR_OPTION_I64, "N",                                                        \
          "said again at a cut (default 80 characters, or a "                                      \
          "tenth of the tokens)" },                                                                \
    {                                                                                              \
        "tokenizer", 0, FR_OPTION_TEXT, "FILE",                                                    \
            "GGUF or tokenizer.json whose tokens count (default: words and signs)"                 \
    }

/** What readers of documents tell, on stderr; counts what was skipped. */
typedef struct {
    fr_cli *cli;
    size_t n_skipped;
} fr_rag_notices;
fr_documents_options fr_rag_documents(fr_cli *cli, fr_rag_notices *n);

/** --filter KEY=VALUE…; *filters owned, its texts borrowed. */
int fr_rag_filters_given(fr_cli *cli, fr_filter **filters, size_t *n, fr_err *err);
/** id, score, text, source, title, start_bytes, end_bytes. */
json_t *fr_rag_hit_json(const fr_hit *hit);
/** One JSON document to stdout; takes o. */
int fr_rag_put_json(fr_cli *cli, json_t *o, fr_err *err);

#endif
