/* cli/rag_answers.h: what `frugal rag eval --answers` does. */
#ifndef FR_CLI_RAG_ANSWERS_H
#define FR_CLI_RAG_ANSWERS_H

#include "cli/cli.h"

int fr_rag_answers(fr_cli *cli, const char *index, fr_err *err);

#endif
