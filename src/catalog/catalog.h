/**
 * catalog/catalog.h: which models there are to choose from: the compiled table (data/models.csv),
 * the files of this machine, and what the user imported (leaderboards, model cards).
 *
 *     FR_AUTO(fr_catalog) all = { 0 };
 *     fr_catalog_put_table(&all);
 *     FR_TRY(fr_catalog_read(&all, "models.json", err));      what was imported
 *     fr_catalog_put_folder(&all, "/srv/models");             GGUF files and their cards
 *     fr_catalog_choose(&all, &(fr_catalog_wish){ .language = "de", .params_most = 3e9 });
 *     for (size_t i = 0; i < all.n; i++)                      best first
 *         puts(all.at[i].name);
 *
 * Nothing is guessed: a field that neither table, card nor file states is NULL, NAN or an empty
 * list, and is told as "not stated". Of one model that is known twice, what the later source
 * states replaces what the earlier one stated.
 */
#ifndef FR_CATALOG_CATALOG_H
#define FR_CATALOG_CATALOG_H

#include <jansson.h>
#include <stdbool.h>
#include "base/buf.h"

/** A score that a card or a leaderboard states. Owned by its entry. */
typedef struct {
    char *benchmark; /* "MMLU (5-shot)", as it is called there */
    char *metric;    /* NULL: not stated */
    char *date;      /* as stated; NULL: not stated */
    char *source;    /* the file or address that says so */
    double value;
} fr_catalog_score;

/** Owned texts. */
typedef struct {
    char **at;
    size_t n, cap;
} fr_words;
void fr_words_put(fr_words *words, fr_str word); /* copies; not what is there already */
/** Index by name, case ignored; SIZE_MAX: not there. */
size_t fr_words_find(const fr_words *words, const char *word);
void fr_words_clear(fr_words *words);

typedef enum fr_match {
    FR_MATCH_NONE, /* nobody asked */
    FR_MATCH_STATED,
    FR_MATCH_MAYBE,   /* "29 languages" that are not all named */
    FR_MATCH_UNKNOWN, /* not stated */
    FR_MATCH_GENERAL, /* a domain was asked for, this is a model of general use */
    FR_MATCH_NO
} fr_match;

typedef struct {
    char *name, *family, *architecture, *license, *task, *base_model;
    char *path;           /* of the file on this machine; NULL: none */
    char *format;         /* number format that most weights of the file are in */
    char *source, *check; /* who says so; what of it was not read again. NULL: nothing */
    fr_words languages;   /* codes; "+27": so many more that are not named */
    fr_words domains, tags, datasets;
    fr_catalog_score *scores;
    size_t n_scores, cap_scores;
    double params, active_params; /* of a token; NAN: not stated */
    double context, year;
    double kv_token_bytes;  /* keys and values of a token, F16; a file's own format */
    double weight_bytes;    /* of the file's tensors; NAN without a file */
    double attention_width; /* heads times their width, over all layers; NAN: not stated */
    double training_g;      /* gCO2e of training, as the card states it */
    bool is_demonstration;  /* file that comes with frugal */
    fr_match language_match, domain_match; /* filled by fr_catalog_choose() */
} fr_catalog_entry;

typedef struct {
    fr_catalog_entry *at;
    size_t n, cap;
} fr_catalog;

void fr_catalog_entry_init(fr_catalog_entry *e, const char *name);
void fr_catalog_entry_fini(fr_catalog_entry *e);
FR_AUTO_DEFINE(fr_catalog_entry);
/** Adds or replaces a score of the same benchmark, metric and source. */
void fr_catalog_entry_put_score(fr_catalog_entry *e, const char *benchmark, const char *metric,
                                double value, const char *date, const char *source);
/** What `more` states replaces what e says; more is taken. */
void fr_catalog_entry_merge(fr_catalog_entry *e, fr_catalog_entry *more);

void fr_catalog_fini(fr_catalog *c);
FR_AUTO_DEFINE(fr_catalog);
/** By name, case and a maker's head ("org/") ignored; NULL: none. */
fr_catalog_entry *fr_catalog_find(const fr_catalog *c, const char *name);
/** Takes an entry: merged into the one of its name, or added. */
void fr_catalog_put(fr_catalog *c, fr_catalog_entry *e);
/** The compiled table. */
void fr_catalog_put_table(fr_catalog *c);
/** A GGUF file, and the card beside it (NAME.md, README.md, CARD.md). Opens headers only. */
int fr_catalog_put_file(fr_catalog *c, const char *path, fr_err *err);
/** All *.gguf of a folder and its folders (three deep); what cannot be read is passed over and
 * counted. A folder that is not there has none. */
size_t fr_catalog_put_folder(fr_catalog *c, const char *path);

/** The user's own file (JSON, made to be committed); one that is not there is empty. */
int fr_catalog_read(fr_catalog *c, const char *path, fr_err *err);
int fr_catalog_write(const fr_catalog *c, const char *path, fr_err *err);
/** An entry as it stands in that file: only what is stated. Owned, json_decref(). */
json_t *fr_catalog_entry_json(const fr_catalog_entry *e);

/** What is looked for; zero asks for nothing. */
typedef struct {
    const char *language, *domain, *license, *task, *name; /* name: a part of it */
    double params_most, context_least;
    bool with_unknown; /* keep what does not state a size, licence or context that is asked for */
    bool on_disk;
} fr_catalog_wish;
/**
 * Drops what does not fit and puts the rest in order: language as asked for (stated, then perhaps,
 * then not stated), domain (its own, then general, then not stated), then size, then name.
 */
void fr_catalog_choose(fr_catalog *c, const fr_catalog_wish *wish);
const char *fr_match_name(fr_match m); /* "stated", "maybe"… static */

/** Bytes of keys and values of a context: exactly what an engine reserves for one sequence. */
double fr_catalog_kv_bytes(const fr_catalog_entry *e, double context);
/** Bytes of the weights: of the file, else parameters in a number format's blocks. */
double fr_catalog_weight_bytes(const fr_catalog_entry *e, const char *format);

#endif
