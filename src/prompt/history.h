/**
 * prompt/history.h: what was tried before, as small files that can be committed: versions of
 * prompts, results of experiments, tags. Who is about to spend a model's energy asks here first.
 *
 *     FR_TRY(fr_history_open(&(const char *){ ".frugal/prompts" }, 1, &history, err));
 *     fr_experiment e = { .prompt = text, .model_hash = hash, .data_hash = rows,
 *                         .metric = "accuracy", .parameters = parameters };
 *     fr_history_entry *known = NULL;
 *     FR_TRY(fr_history_lookup(history, &e, &known, err));
 *     if (known == NULL) {
 *         fr_finding found = { .task = "question-kind", .outcome = … run it … };
 *         FR_TRY(fr_history_record(history, &e, &found, NULL, err));
 *     } else {
 *         … known->outcome.value, known->detail …        at no model energy
 *     }
 *     fr_history_entry_free(known);
 *
 * A store is a folder: versions/ID.json, tags/ID.json, results/KEY.ID.json. ID is the SHA-256 of
 * the file (16 digits of it behind KEY), so files never change, two stores are merged by putting
 * their files together, and a file that was damaged is found and named. Files are written under
 * another name and renamed. KEY is that of the experiment: two who ran the same one leave two
 * files, and the older answers.
 *
 * Several stores may be searched at once; the first is written to, and made when it is.
 *
 * Threads: one at a time an fr_history; any number of those, in any number of processes, on one
 * store.
 */
#ifndef FR_PROMPT_HISTORY_H
#define FR_PROMPT_HISTORY_H

#include <frugal/figure.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

typedef struct fr_history fr_history;

#define FR_HISTORY_FOLDER ".frugal/prompts"
#define FR_HISTORY_ID     65 /* 64 digits and the NUL */

/** dirs [n], copied. A folder that is not there is empty. */
int fr_history_open(const char *const *dirs, size_t n, fr_history **out, fr_err *err);
void fr_history_free(fr_history *h);
FR_AUTOPTR_DEFINE(fr_history);
const char *fr_history_dir(const fr_history *h); /* the one that is written to */

/* ---- what an entry tells ----------------------------------------------------------------- */

/**
 * How good it was and what it took. NAN, NULL or 0: nobody said. Zero-initialize through
 * fr_history_outcome_none().
 *
 * value, low, high  the metric with its 95% interval over n rows of the data with that hash.
 * energy, cpu_s     of all calls together; energy.source is borrowed.
 */
typedef struct {
    const char *metric;
    bool lower_is_better;
    double value, low, high;
    size_t n;
    const char *data_hash;
    fr_energy energy;
    double cpu_s;
    size_t calls, prompt_tokens, completion_tokens;
} fr_history_outcome;
fr_history_outcome fr_history_outcome_none(void);

typedef enum {
    FR_HISTORY_NONE,
    FR_HISTORY_VERSION,
    FR_HISTORY_RESULT,
    FR_HISTORY_TAG
} fr_history_kind;

/**
 * One file of a store, read and held against its name. All pointers are borrowed from it; NULL:
 * nobody said.
 *
 * prompt_hash  of the prompt's own text and form alone: the same in a version and in a result.
 * files        {path: [lines]}, the prompt and what it reads; main is the one to begin with.
 * tagged       of a tag: the version; NULL: the tag was taken off.
 */
typedef struct {
    fr_history_kind kind;
    char id[FR_HISTORY_ID];
    char key[FR_HISTORY_ID];         /* of a result */
    char prompt_hash[FR_HISTORY_ID]; /* not of a tag */
    char *path;
    const char *name, *tag, *tagged, *parent, *author, *time, *message, *task;
    const char *model_hash, *model_name, *form, *main;
    const json_t *files, *parameters, *detail;
    fr_history_outcome outcome;
    json_t *root;
} fr_history_entry;
void fr_history_entry_free(fr_history_entry *e);
FR_AUTOPTR_DEFINE(fr_history_entry);
/** Text of one of an entry's files (NULL: the main one), appended to out. */
int fr_history_text(const fr_history_entry *e, const char *file, fr_buf *out, fr_err *err);

/* ---- experiments ------------------------------------------------------------------------- */

/**
 * What makes an experiment the same one. All of it is in the key; task, author and names are not.
 *
 * prompt      template or whole text, UTF-8 (identity, and what `frugal prompt best` gives back).
 * form        "f-string", "jinja2", "langchain", "text"; NULL: text.
 * model_hash  SHA-256 of the model's file; for a remote one its name and address. Must be there.
 * data_hash   of the rows asked, with the outputs wanted.
 * parameters  an object, all else that changes the outcome: temperature, top_p, top_k, max_tokens,
 *             seed, technique…; 1 and 1.0 are the same. NULL: none.
 */
typedef struct {
    fr_str prompt;
    const char *form, *model_hash, *data_hash, *metric;
    const json_t *parameters;
} fr_experiment;

/** detail: anything that is to be kept as well (scores a row, answers); borrowed; NULL: nothing. */
typedef struct {
    const char *task, *model_name, *author, *message;
    fr_history_outcome outcome; /* metric and data_hash are taken from the experiment */
    const json_t *detail;
} fr_finding;

int fr_history_key(const fr_experiment *e, char key[FR_HISTORY_ID], fr_err *err);
/** *out NULL: not known in any of the stores. A damaged file is passed over with a warning in the
 * log, as if the experiment had not been run. */
int fr_history_lookup(fr_history *h, const fr_experiment *e, fr_history_entry **out, fr_err *err);
/** Written and synced when it returns. id may be NULL. */
int fr_history_record(fr_history *h, const fr_experiment *e, const fr_finding *found,
                      char id[FR_HISTORY_ID], fr_err *err);

/** NULL fields take any. model_hash is needed: what is best for another model is not known. */
typedef struct {
    const char *model_hash, *task, *metric, *data_hash;
} fr_history_query;
/**
 * The best prompt of versions and results for a model and task: highest low end of the interval
 * (lowest high end where lower is better), of equals the fewest joules, then tokens, then the
 * older. Compared only on the same metric and data: where there are several, on those with the most
 * rows. *out NULL: not known.
 */
int fr_history_best(fr_history *h, const fr_history_query *q, fr_history_entry **out, fr_err *err);

/* ---- versions and tags ------------------------------------------------------------------- */

/**
 * name    letters, digits and . _ - , at most 64, beginning with a letter or digit.
 * parent  NULL: the newest of that name, if there is one. "": none.
 * files   {path: text}, paths below the prompt's own folder.
 */
typedef struct {
    const char *name, *parent, *author, *message, *task, *model_hash, *model_name;
    const char *form, *main;
    const json_t *files, *parameters;
    const fr_history_outcome *outcome; /* NULL: not known */
} fr_history_version;
/** is_new false: the newest of that name says the very same, and id is its. */
int fr_history_save(fr_history *h, const fr_history_version *v, char id[FR_HISTORY_ID],
                    bool *is_new, fr_err *err);
/** version NULL takes the tag off. */
int fr_history_tag(fr_history *h, const char *name, const char *tag, const char *version,
                   const char *author, fr_err *err);

/** All entries of a kind, oldest first, parents before children; and the files that are damaged. */
typedef struct {
    fr_history_entry **at;
    size_t n, cap;
    char **damaged; /* "PATH: why" */
    size_t n_damaged, cap_damaged;
} fr_history_list;
int fr_history_all(fr_history *h, fr_history_kind kind, fr_history_list *out, fr_err *err);
void fr_history_list_fini(fr_history_list *list);
FR_AUTO_DEFINE(fr_history_list);
/** Those that no other is the child of, among versions of a name or moves of a tag: is it one? */
bool fr_history_is_head(const fr_history_list *list, const fr_history_entry *e);
/** What a tag names now; NULL: nothing. Borrowed from tags. */
const char *fr_history_tagged(const fr_history_list *tags, const char *name, const char *tag);

/**
 * Which version a word means: NAME (the newest), NAME@TAG, 6 digits or more of an id; each with ~N
 * behind it for the N-th before. FR_E_NOT_FOUND names the nearest name.
 * out  borrowed from versions.
 */
int fr_history_find(const fr_history_list *versions, const fr_history_list *tags, const char *word,
                    const fr_history_entry **out, fr_err *err);

/** One file's bytes, under its name in a store ("versions/ID.json"), held against it. For import,
 * and for who fuzzes it. *out may be NULL: only checked. */
int fr_history_parse(fr_str bytes, const char *name, fr_history_entry **out, fr_err *err);
/** Writes a file that fr_history_parse() is content with; one that is there stays. */
int fr_history_put(fr_history *h, const char *name, fr_str bytes, bool *is_new, fr_err *err);
/** "versions/ID.json" of an entry. Owned, free(). */
char *fr_history_file_name(const fr_history_entry *e);

#endif
