/* How tokens are drawn, and what an answer must be, as options: shared by the commands that
 * generate. */
#ifndef FR_CLI_SAMPLING_ARGS_H
#define FR_CLI_SAMPLING_ARGS_H

#include "cli/cli.h"
#include "infer/engine.h"

#define FR_OPTIONS_SAMPLING                                                                        \
    { "max-length", 0, FR_OPTION_I64, "N", "prompt and answer together at most N tokens" },        \
        { "temp", 0, FR_OPTION_F64, "T", "temperature; 0 takes the most likely token" },           \
        { "top-k", 0, FR_OPTION_I64, "K", "draw from the K most likely tokens" },                  \
        { "top-p", 0, FR_OPTION_F64, "P", "then from the fewest that reach P together" },          \
        { "min-p", 0, FR_OPTION_F64, "P",                                                          \
          "then from those with P times the best one's probability" },                             \
        { "typical-p", 0, FR_OPTION_F64, "P",                                                      \
          "then from the most typical that reach P together" },                                    \
        { "repeat-penalty", 0, FR_OPTION_F64, "R",                                                 \
          "divide the logits of tokens that are there (1.1)" },                                    \
        { "repeat-last", 0, FR_OPTION_I64, "N", "of those among the last N only (default: all)" }, \
        { "frequency-penalty", 0, FR_OPTION_F64, "X", "taken off for each time in the answer" },   \
        { "presence-penalty", 0, FR_OPTION_F64, "X", "taken off once for being in the answer" },   \
        { "logit-bias", 0, FR_OPTION_LIST, "ID=X",                                                 \
          "added to a token's logit; -inf: never; several" },                                      \
        { "grammar", 0, FR_OPTION_TEXT, "FILE", "the answer follows this grammar (GBNF)" },        \
        { "json-schema", 0, FR_OPTION_TEXT, "FILE",                                                \
          "the answer is JSON after this schema (or TEXT)" },                                      \
        { "seed", 0, FR_OPTION_I64, "N", "the same seed gives the same text (default 0)" },        \
    {                                                                                              \
        "stop", 0, FR_OPTION_LIST, "TEXT", "end before this text; may be given several times"      \
    }

enum { FR_SAMPLING_STOPS = 16, FR_SAMPLING_BIASES = 64 };

/* What a request's sampling borrows. Zero-initialized is empty. */
typedef struct {
    fr_sampling sampling;
    char *stops[FR_SAMPLING_STOPS]; /* owned */
    fr_logit_bias biases[FR_SAMPLING_BIASES];
    fr_grammar *grammar; /* owned */
} fr_sampling_args;

/* tokens, temperature, top_p: what holds when nobody says; the command has --tokens. out must not
 * move afterwards. */
int fr_sampling_args_read(fr_cli *cli, long long tokens, double temperature, double top_p,
                          fr_sampling_args *out, fr_err *err);
void fr_sampling_args_fini(fr_sampling_args *a);
FR_AUTO_DEFINE(fr_sampling_args);

/* "temp" and the like by name, as /set of a chat does; an error names those there are. */
int fr_sampling_set(fr_sampling *s, fr_str name, fr_str value, fr_err *err);
/* "temp 0.7, top-p 0.95, …" as they are. */
void fr_sampling_text(const fr_sampling *s, fr_buf *out);

#endif
