/* frugal rag: passages of documents. A verb is one row in rag_verbs.def and an FR_RAG_VERB in a
 * file of its group, rag_….c. */
#include "cli/cli.h"

#define VERB(name) extern const fr_command FR_RAG_##name;
#include "cli/rag_verbs.def"
#undef VERB

static const fr_command *const VERBS[] = {
#define VERB(name) &FR_RAG_##name,
#include "cli/rag_verbs.def"
#undef VERB
    NULL,
};

static const fr_option OPTIONS[] = { FR_OPTIONS_END };

const fr_command FR_COMMAND_rag = {
    .name = "rag",
    .run = fr_cli_need_verb,
    .options = OPTIONS,
    .arguments = "WORD …",
    .summary = "find passages in documents: index, query, evaluate",
    .examples = "frugal rag index docs/ -o docs.index  # text, Markdown, HTML, PDF, DOCX, rows\n"
                "frugal rag query docs.index \"where does it rain?\" -k 5\n",
    .verbs = VERBS,
};
