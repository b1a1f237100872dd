#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/mem.h"
#include "train/train.h"

void fr_rows_fini(fr_rows *r)
{
    for (size_t i = 0; i < r->n_texts; i++)
        free(r->texts[i]);
    free(r->texts);
    free(r->rows);
    *r = (fr_rows){ 0 };
}

static fr_str keep(fr_rows *r, char *taken)
{
    FR_GROW(r->texts, r->n_texts, r->cap_texts);
    r->texts[r->n_texts++] = taken;
    return fr_str_of(taken);
}

static fr_str keep_text(fr_rows *r, const json_t *text)
{
    const size_t n = json_string_length(text);
    fr_str kept = keep(r, fr_dup_n(json_string_value(text), n));
    kept.n = n;
    return kept;
}

static bool both(const json_t *row, const char *first, const char *second, const json_t *out[2])
{
    out[0] = json_object_get(row, first);
    out[1] = json_object_get(row, second);
    return json_is_string(out[0]) && json_is_string(out[1]);
}

/* All turns before the last answer, a line each, then the answer. */
static bool conversation(fr_rows *r, const json_t *turns, const char *who, const char *what,
                         fr_example *out)
{
    FR_AUTO(fr_buf) before = { 0 };
    for (size_t i = 0; i < json_array_size(turns); i++) {
        const json_t *said[2];
        if (!both(json_array_get(turns, i), who, what, said))
            return false;
        const char *role = json_string_value(said[0]);
        if (strcmp(role, "assistant") == 0 || strcmp(role, "gpt") == 0) {
            if (i + 1 == json_array_size(turns)) {
                out->input = keep(r, fr_buf_take(&before));
                out->output = keep_text(r, said[1]);
                return true;
            }
        }
        fr_buf_put_f(&before, "%s\n", json_string_value(said[1]));
    }
    return false;
}

/* {"turns": [["question", "answer"], …]}: one document, loss on every answer and on nothing else.
 */
static bool keep_turns(fr_rows *r, const json_t *turns)
{
    const size_t n = json_array_size(turns);
    for (size_t i = 0; i < n; i++) {
        const json_t *input = json_array_get(json_array_get(turns, i), 0);
        const json_t *output = json_array_get(json_array_get(turns, i), 1);
        if (!json_is_string(input) || !json_is_string(output) || json_string_length(input) == 0)
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *turn = json_array_get(turns, i);
        FR_GROW(r->rows, r->n, r->cap);
        const fr_example example = { keep_text(r, json_array_get(turn, 0)),
                                     keep_text(r, json_array_get(turn, 1)), i + 1 < n };
        r->rows[r->n++] = example;
    }
    return n > 0;
}

static int read_row(fr_rows *r, const json_t *row, const char *path, size_t line, fr_err *err)
{
    const json_t *text = json_object_get(row, "text");
    const json_t *instruction = json_object_get(row, "instruction");
    const json_t *pair[2];
    fr_example example = { 0 };
    bool known = true;
    if (keep_turns(r, json_object_get(row, "turns")))
        return 0;
    if (json_is_string(instruction) && both(row, "input", "output", pair)) {
        example.input = json_string_length(pair[0]) == 0
                            ? keep_text(r, instruction)
                            : keep(r, fr_dup_f("%s\n%s", json_string_value(instruction),
                                               json_string_value(pair[0])));
        example.output = keep_text(r, pair[1]);
    } else if (both(row, "input", "output", pair) || both(row, "prompt", "completion", pair)) {
        example.input = keep_text(r, pair[0]);
        example.output = keep_text(r, pair[1]);
    } else if (json_is_string(instruction) && both(row, "instruction", "output", pair)) {
        example.input = keep_text(r, pair[0]);
        example.output = keep_text(r, pair[1]);
    } else if (json_is_string(text)) {
        example.output = keep_text(r, text);
    } else {
        known = conversation(r, json_object_get(row, "messages"), "role", "content", &example) ||
                conversation(r, json_object_get(row, "conversations"), "from", "value", &example);
    }
    if (!known)
        return fr_fail(
            err, FR_E_FORMAT, "Write {\"input\": \"…\", \"output\": \"…\"} or {\"text\": \"…\"}.",
            "%s:%zu: expected an object with the texts input and output, or text", path, line);
    FR_GROW(r->rows, r->n, r->cap);
    r->rows[r->n++] = example;
    return 0;
}

int fr_rows_read(const char *path, fr_rows *out, fr_err *err)
{
    FR_AUTO(fr_buf) bytes = { .limit_bytes = (size_t)1 << 32 };
    FR_TRY(fr_file_read(path, bytes.limit_bytes, &bytes, err));
    fr_str rest = fr_buf_str(&bytes), line;
    for (size_t number = 1; fr_str_next(&rest, '\n', &line); number++) {
        line = fr_str_trim(line);
        if (line.n == 0)
            continue;
        json_error_t why;
        json_t *row = json_loadb(line.at, line.n, 0, &why);
        if (row == NULL)
            return fr_fail(err, FR_E_FORMAT, "One JSON object a line.", "%s:%zu: %s", path, number,
                           why.text);
        const int rc = read_row(out, row, path, number, err);
        json_decref(row);
        if (rc != 0)
            return rc;
    }
    if (out->n == 0)
        return fr_fail(err, FR_E_FORMAT, NULL, "'%s' has no rows", path);
    return 0;
}
