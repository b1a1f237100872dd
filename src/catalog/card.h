/**
 * catalog/card.h: what others say of models: a model card's front matter (the YAML between two
 * lines of ---, as Hugging Face has it), and leaderboards as CSV or JSON.
 *
 *     fr_catalog_entry e;
 *     FR_TRY(fr_card_load("model/README.md", &e, err));
 *     printf("%s\n", e.license != NULL ? e.license : "not stated");
 *
 * Hostile input: limits of 4 MiB a card and 64 MiB a leaderboard; errors name file and line.
 */
#ifndef FR_CATALOG_CARD_H
#define FR_CATALOG_CARD_H

#include "catalog/catalog.h"

/** name of the entry: model_name, else the first of model-index, else the file's folder. */
int fr_card_load(const char *path, fr_catalog_entry *out, fr_err *err);
/** The same out of memory; name stands for the file in errors and as the source. */
int fr_card_parse(fr_str bytes, const char *name, fr_catalog_entry *out, fr_err *err);

/**
 * Rows of a leaderboard into a catalogue. Columns are known by their names, whatever their order
 * and case: model, parameters ("#Params (B)"), license, date, context, architecture, base model,
 * languages; any other column of numbers is a benchmark. JSON: a list of objects, or an object
 * that has one under rows, models, data or results (each row may be wrapped as {"row": {…}}).
 * n_models: how many rows named one. FR_E_FORMAT names file and line; nothing is added then.
 */
int fr_leaderboard_load(const char *path, fr_catalog *c, size_t *n_models, fr_err *err);
int fr_leaderboard_parse(fr_str bytes, const char *name, fr_catalog *c, size_t *n_models,
                         fr_err *err);

#endif
