/* What the words of `frugal prompt` that work on a history share. */
#ifndef FR_CLI_PROMPT_STORE_H
#define FR_CLI_PROMPT_STORE_H

#include "cli/prompt_given.h"
#include "prompt/history.h"

#define FR_OPTION_STORE                                                                            \
    {                                                                                              \
        "store", 0, FR_OPTION_LIST, "DIR",                                                         \
            "history's folder (default .frugal/prompts); several are searched"                     \
    }

/** A store with its versions and tags read. Zero-initialized is closed. */
typedef struct {
    fr_history *history;
    fr_history_list versions, tags;
} fr_prompt_store;
int fr_prompt_store_open(fr_cli *cli, fr_prompt_store *s, fr_err *err);
void fr_prompt_store_fini(fr_prompt_store *s);
FR_AUTO_DEFINE(fr_prompt_store);
/** --store, without reading it. *out owned. */
int fr_prompt_history_open(fr_cli *cli, fr_history **out, fr_err *err);
/** Names each damaged file on stderr; FR_E_FORMAT when there was one. */
int fr_prompt_store_damage(fr_cli *cli, const fr_history_list *list, fr_err *err);
/** The positional word at i as a version. */
int fr_prompt_store_find(fr_cli *cli, const fr_prompt_store *s, size_t i,
                         const fr_history_entry **out, fr_err *err);

/** SHA-256 of a model file, or the 64 digits themselves. name: the model's, when the file says it;
 * owned. */
int fr_prompt_model_hash(const char *given, char hash[FR_HISTORY_ID], char **name, fr_err *err);
/** Of the rows of a data file, whatever form they are written in. */
int fr_prompt_data_hash(const char *path, char hash[FR_HISTORY_ID], fr_err *err);

/** All that an entry tells, without its text. Owned. */
json_t *fr_prompt_entry_json(const fr_history_entry *e, const fr_history_list *tags);
/** "accuracy 0.81 (0.75 to 0.86, n 200)"; "" without one. */
void fr_prompt_quality_text(const fr_history_outcome *o, char out[160]);
/** "~12.3 J, 0.4 CPU-s"; "" without either. */
void fr_prompt_cost_text(const fr_history_outcome *o, char out[96]);
/** Energy and CPU time over the answers that were right; NAN where it cannot be told. */
double fr_prompt_per_accepted(double sum, const fr_history_outcome *o);
/** " [live, old]" of a version; "" without tags. Appended. */
void fr_prompt_put_tags(const fr_history_entry *e, const fr_history_list *tags, fr_buf *out);

#endif
