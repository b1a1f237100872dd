/* cli/rag_answering.h: one question answered from an index, with citations: by a model, or without
 * one by the sentence that fits best. */
#ifndef FR_CLI_RAG_ANSWERING_H
#define FR_CLI_RAG_ANSWERING_H

#include "cli/rag_given.h"
#include "endpoint/endpoint.h"
#include "rag/answer.h"

#define FR_RAG_PASSAGES_MOST 20
#define FR_OPTIONS_RAG_ANSWERING                                                                   \
    { "model", 'm', FR_OPTION_TEXT, "FILE", "answer with this model (GGUF)" },                     \
        { "endpoint", 0, FR_OPTION_TEXT, "URL", "or with a server's: http://…/v1, command:…" },    \
        { "name", 0, FR_OPTION_TEXT, "NAME", "of the server's model" },                            \
        { "passages", 0, FR_OPTION_I64, "N", "passages in the prompt (default 3)" },               \
        { "tokens", 'n', FR_OPTION_I64, "N", "of an answer at most (default 64)" },                \
    {                                                                                              \
        "support", 0, FR_OPTION_F64, "X", "below it: not in the documents (0 to 1, default 0.4)"   \
    }

/* What answers. Zero-initialized is closed. */
typedef struct {
    fr_cli *cli;
    fr_run *run; /* borrowed; phases "search" and "generate" */
    fr_index *index;
    fr_engine *engine;     /* NULL: none, or a server's */
    fr_endpoint *endpoint; /* NULL: by extraction */
    size_t n_passages, n_tokens;
    double enough;
    fr_energy search, generate; /* of all questions */
    double search_cpu_s, generate_cpu_s;
    size_t prompt_tokens, completion_tokens;
} fr_answering;
int fr_answering_begin(fr_cli *cli, const char *index, fr_run *run, fr_answering *a, fr_err *err);
void fr_answering_fini(fr_answering *a);
FR_AUTO_DEFINE(fr_answering);

typedef struct {
    char *text; /* FR_NOT_IN_DOCUMENTS when there is no support */
    bool answered;
    double support;
    fr_hits hits;
    size_t cited[FR_RAG_PASSAGES_MOST], n_cited; /* from 1 */
} fr_answered;
int fr_answering_ask(fr_answering *a, fr_str question, fr_answered *out, fr_err *err);
void fr_answered_fini(fr_answered *a);
FR_AUTO_DEFINE(fr_answered);

#endif
