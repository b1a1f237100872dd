/* Shared between the files of the history only. */
#ifndef FR_PROMPT_HISTORY_PRIV_H
#define FR_PROMPT_HISTORY_PRIV_H

#include "prompt/history.h"

#define FR_HISTORY_MOST_BYTES ((size_t)32 << 20) /* of one file */
#define FR_HISTORY_SHORT      16                 /* digits of the id behind a result's key */

struct fr_history {
    char **dirs; /* [n_dirs]; the first is written to */
    size_t n_dirs;
};

/* "versions", "results", "tags"; NULL for none. */
const char *fr_history_folder(fr_history_kind kind);
/* {"schema", "kind", "author", "time"}. author NULL: of the environment. */
json_t *fr_history_head(fr_history_kind kind, const char *author);
void fr_history_set(json_t *o, const char *key, const char *text); /* NULL: not at all */
/* {"form", "main", "files": {path: [lines]}}. files {path: text}. */
int fr_history_prompt(const char *form, const char *main, const json_t *files, json_t **out,
                      fr_err *err);
/* SHA-256 of a prompt object's text and form: of one file, its name does not count. */
int fr_history_prompt_hash(const json_t *prompt, char hex[FR_HISTORY_ID], fr_err *err);
/* {"hash", "name"}, or NULL. */
json_t *fr_history_model(const char *hash, const char *name);
void fr_history_put_outcome(json_t *o, const fr_history_outcome *outcome);
/* Whole reals become integers, so that 1 and 1.0 are the same text. Owned; NULL gives {}. */
json_t *fr_history_parameters(const json_t *parameters);
/* Sorted keys, one value a line. */
void fr_history_dump(const json_t *o, fr_buf *out);
/* Into the first store under its hash (behind key and a dot where there is one). */
int fr_history_write(fr_history *h, fr_history_kind kind, const char *key, const json_t *o,
                     char id[FR_HISTORY_ID], fr_err *err);
bool fr_history_is_id(const char *text);
/* The file at DIR/name, parsed; *out->path is filled. */
int fr_history_load(const char *dir, const char *name, fr_history_entry **out, fr_err *err);
/* The experiment's key out of its parts. */
int fr_history_key_of(const char *prompt_hash, const char *model_hash, const char *data_hash,
                      const char *metric, const json_t *parameters, char key[FR_HISTORY_ID],
                      fr_err *err);

#endif
