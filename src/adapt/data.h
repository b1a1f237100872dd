/**
 * adapt/data.h: rows of a task: an input and the output that is wanted, out of the forms that such
 * data comes in. (A second door of the room, so that `tune` and `data` read the same forms.)
 *
 *     fr_data rows = { 0 };
 *     FR_TRY(fr_data_load("train.jsonl", &rows, err));
 *     for (size_t i = 0; i < rows.n; i++)
 *         … rows.at[i].input …
 *     fr_data_fini(&rows);
 *
 * Forms, told apart row by row:
 *   {"input", "output"}                    and text|question|query|sentence|utterance with
 *                                          label|answer|response|category|class|intent
 *   {"prompt", "completion"}
 *   {"instruction", "input"?, "output"}    Alpaca: instruction, line end, input
 *   {"conversations": [{"from", "value"}]} ShareGPT: the last gpt turn is the output
 *   {"messages": [{"role", "content"}]}    OpenAI: the last assistant message is the output
 * as JSON Lines or as one JSON list, and CSV whose first row names the columns as above, separated
 * by commas, or by ';', tabs or '|'.
 */
#ifndef FR_ADAPT_DATA_H
#define FR_ADAPT_DATA_H

#include <stdint.h>

#include "base/buf.h"

/** Text is owned by the list that it stands in. */
typedef struct {
    fr_str input, output;
    size_t line; /* where it stands in the file; in a JSON list: the element, from 1 */
} fr_datum;

typedef struct {
    fr_datum *at;
    size_t n, cap;
} fr_data;

/** FR_E_FORMAT names file and line of the first malformed row. An empty file gives n = 0. */
int fr_data_load(const char *path, fr_data *out, fr_err *err);
/** The same out of memory; name stands in errors; its ending (.csv, .jsonl) or else the first
 * character says the form. */
int fr_data_parse(fr_str bytes, const char *name, fr_data *out, fr_err *err);
/** Copies a row to the end. */
void fr_data_put(fr_data *data, fr_str input, fr_str output, size_t line);
void fr_data_fini(fr_data *data);
FR_AUTO_DEFINE(fr_data);

/** One row as {"input": …, "output": …} and a line end; output left out when at is NULL. */
void fr_data_put_json(fr_buf *out, fr_str input, fr_str output);
/** What two inputs are compared by: case and runs of white space do not count. */
uint64_t fr_data_key(fr_str input);
/** Rows by that key, those of one input beside each other in their order. [n], owned: free(). */
typedef struct {
    uint64_t key;
    size_t row;
} fr_keyed;
fr_keyed *fr_data_by_key(const fr_data *data);
/** SHA-256 over all rows, as hex of 64 digits and a NUL. */
int fr_data_hash(const fr_data *data, char out[65], fr_err *err);

#endif
