#include "adapt/data.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define LIMIT_BYTES ((size_t)512 << 20)

static const char FORMS[] = "A row is {\"input\": …, \"output\": …}; `frugal adapt --help` lists "
                            "the other forms.";

static const char ONE_OBJECT[] = "If the rows are a list inside it, take that list out: "
                                 "jq -c '.NAME[]' OLD.json > NEW.jsonl";

/* Names of the two halves, by falling precedence. */
static const char *const INPUTS[] = { "input", "prompt",   "instruction", "question", "text",
                                      "query", "sentence", "utterance",   NULL };
static const char *const OUTPUTS[] = { "output",   "completion", "label",  "answer", "response",
                                       "category", "class",      "intent", NULL };

void fr_data_put(fr_data *data, fr_str input, fr_str output, size_t line)
{
    FR_GROW(data->at, data->n, data->cap);
    data->at[data->n++] = (fr_datum){ .input = { fr_str_dup(input), input.n },
                                      .output = { fr_str_dup(output), output.n },
                                      .line = line };
}

void fr_data_fini(fr_data *data)
{
    for (size_t i = 0; i < data->n; i++) {
        free((char *)data->at[i].input.at);
        free((char *)data->at[i].output.at);
    }
    free(data->at);
    *data = (fr_data){ 0 };
}

/* ---- one JSON row ------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    size_t line;
    fr_err *err;
} place;

static int bad(const place *p, const char *what)
{
    return fr_fail(p->err, FR_E_FORMAT, FORMS, "%s:%zu: %s", p->name, p->line, what);
}

static int no_output(const place *p)
{
    return fr_fail(p->err, FR_E_FORMAT, "Give the row one, or take it out.",
                   "%s:%zu: the output is empty", p->name, p->line);
}

/* A value as text: strings as they are, numbers and booleans as written; of a list of accepted
 * answers the first. */
static bool put_value(const json_t *value, fr_buf *out)
{
    if (json_is_array(value))
        value = json_array_get(value, 0);
    if (json_is_string(value))
        fr_buf_put(out, json_string_value(value), json_string_length(value));
    else if (json_is_boolean(value))
        fr_buf_put_s(out, json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value))
        fr_buf_put_f(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        fr_buf_put_f(out, "%.12g", json_real_value(value));
    else
        return false;
    return true;
}

/* OpenAI content: text, or a list of parts of which the text ones count. */
static bool put_content(const json_t *content, fr_buf *out)
{
    if (json_is_string(content))
        return put_value(content, out);
    if (!json_is_array(content))
        return false;
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *text = json_object_get(json_array_get(content, i), "text");
        if (json_is_string(text))
            put_value(text, out);
    }
    return true;
}

/* Turns of a conversation: the last one by the model is the output, what is before the input. */
static int take_turns(const place *p, const json_t *turns, const char *who_key,
                      const char *text_key, fr_data *data)
{
    if (!json_is_array(turns) || json_array_size(turns) == 0)
        return bad(p, "the conversation is not a list of turns");
    size_t last = SIZE_MAX, before = 0;
    for (size_t i = 0; i < json_array_size(turns); i++) {
        const char *who = json_string_value(json_object_get(json_array_get(turns, i), who_key));
        if (who == NULL)
            return bad(p, "a turn does not say who speaks");
        if (strcmp(who, "gpt") == 0 || strcmp(who, "assistant") == 0)
            last = i;
    }
    if (last == SIZE_MAX || last == 0)
        return bad(p, "no turn of the assistant follows one of the user");
    FR_AUTO(fr_buf) input = { 0 };
    FR_AUTO(fr_buf) output = { 0 };
    for (size_t i = 0; i <= last; i++) {
        const json_t *turn = json_array_get(turns, i);
        fr_buf *to = i == last ? &output : &input;
        if (i < last && before++ != 0)
            fr_buf_put_c(to, '\n');
        /* one question needs no names; a longer exchange is told with them */
        if (i < last && last > 1)
            fr_buf_put_f(to, "%s: ", json_string_value(json_object_get(turn, who_key)));
        if (!put_content(json_object_get(turn, text_key), to))
            return bad(p, "a turn has no text");
    }
    if (output.n == 0)
        return no_output(p);
    fr_data_put(data, fr_buf_str(&input), fr_buf_str(&output), p->line);
    return 0;
}

static int take_pair(const place *p, const json_t *row, fr_data *data)
{
    const json_t *in = NULL, *out = NULL, *more = NULL;
    if (json_object_get(row, "instruction") != NULL) { /* Alpaca: its "input" is an addition */
        in = json_object_get(row, "instruction");
        more = json_object_get(row, "input");
    }
    for (size_t i = 0; in == NULL && INPUTS[i] != NULL; i++)
        in = json_object_get(row, INPUTS[i]);
    for (size_t i = 0; out == NULL && OUTPUTS[i] != NULL; i++)
        out = json_object_get(row, OUTPUTS[i]);
    if (in == NULL)
        return bad(p, "the key \"input\" is missing");
    if (out == NULL)
        return bad(p, "the key \"output\" is missing");
    FR_AUTO(fr_buf) input = { 0 };
    FR_AUTO(fr_buf) output = { 0 };
    if (!put_value(in, &input))
        return bad(p, "the input is not text");
    if (!put_value(out, &output))
        return bad(p, "the output is not text");
    if (json_is_string(more) && json_string_length(more) != 0) {
        fr_buf_put_c(&input, '\n');
        put_value(more, &input);
    }
    if (fr_str_trim(fr_buf_str(&output)).n == 0)
        return no_output(p);
    fr_data_put(data, fr_buf_str(&input), fr_buf_str(&output), p->line);
    return 0;
}

static int take_row(const place *p, const json_t *row, fr_data *data)
{
    if (!json_is_object(row))
        return bad(p, "a row is not a JSON object");
    if (json_object_get(row, "conversations") != NULL)
        return take_turns(p, json_object_get(row, "conversations"), "from", "value", data);
    if (json_object_get(row, "messages") != NULL)
        return take_turns(p, json_object_get(row, "messages"), "role", "content", data);
    return take_pair(p, row, data);
}

/* ---- files -------------------------------------------------------------------------------- */

static int parse_list(fr_str bytes, const char *name, fr_data *out, fr_err *err)
{
    json_error_t why;
    json_t *list = json_loadb(bytes.at, bytes.n, 0, &why);
    if (list == NULL)
        return fr_fail(err, FR_E_FORMAT, FORMS, "%s:%d: not JSON: %s", name, why.line, why.text);
    int rc = 0;
    for (size_t i = 0; i < json_array_size(list) && rc == 0; i++)
        rc = take_row(&(place){ name, i + 1, err }, json_array_get(list, i), out);
    json_decref(list);
    return rc;
}

static bool is_one_object(fr_str bytes)
{
    json_t *value = json_loadb(bytes.at, bytes.n, 0, NULL);
    bool is = json_is_object(value);
    json_decref(value);
    return is;
}

static int parse_lines(fr_str bytes, const char *name, fr_data *out, fr_err *err)
{
    fr_str line, all = bytes;
    for (size_t number = 1; fr_str_next(&bytes, '\n', &line); number++) {
        if (fr_str_trim(line).n == 0)
            continue;
        place p = { name, number, err };
        json_error_t why;
        json_t *row = json_loadb(line.at, line.n, 0, &why);
        if (row == NULL && number == 1 && is_one_object(all))
            return fr_fail(err, FR_E_FORMAT, ONE_OBJECT,
                           "%s: one JSON object, where a list of rows or a row a line was expected",
                           name);
        if (row == NULL)
            return fr_fail(err, FR_E_FORMAT, FORMS, "%s:%zu:%d: not JSON: %s", name, number,
                           why.column, why.text);
        int rc = take_row(&p, row, out);
        json_decref(row);
        FR_TRY(rc);
    }
    return 0;
}

/* The column that has one of the names; SIZE_MAX: none. */
static size_t column_of(const fr_str *fields, size_t n, const char *const *names)
{
    for (size_t k = 0; names[k] != NULL; k++) {
        for (size_t i = 0; i < n; i++) {
            fr_str field = fr_str_trim(fields[i]);
            if (field.n == strlen(names[k]) && strncasecmp(field.at, names[k], field.n) == 0)
                return i;
        }
    }
    return SIZE_MAX;
}

/* jansson refuses what is not UTF-8, in JSON files of itself. */
static bool is_utf8(fr_str text)
{
    json_t *value = json_stringn(text.at, text.n);
    json_decref(value);
    return value != NULL;
}

/* Which columns the first row names, if fields are separated so. Leaves csv behind that row. */
typedef struct {
    size_t input, output, instruction, n;
} columns;

static int read_head(fr_csv *csv, fr_str bytes, const char *name, char separator, columns *c,
                     fr_err *err)
{
    const fr_str *fields = NULL;
    fr_csv_fini(csv);
    fr_csv_init(csv, bytes, name);
    csv->separator = separator;
    *c = (columns){ SIZE_MAX, SIZE_MAX, SIZE_MAX, 0 };
    FR_TRY(fr_csv_next(csv, &fields, &c->n, err));
    c->input = column_of(fields, c->n, INPUTS);
    c->output = column_of(fields, c->n, OUTPUTS);
    c->instruction = column_of(fields, c->n, (const char *const[]){ "instruction", NULL });
    return 0;
}

static bool has_both(const columns *c)
{
    return c->input != SIZE_MAX && c->output != SIZE_MAX;
}

/* Commas; or what names both columns: spreadsheets write ';' in half of the world, and tabs. */
static int find_columns(fr_csv *csv, fr_str bytes, const char *name, columns *c, fr_err *err)
{
    static const char OTHERS[] = { ';', '\t', '|' };
    FR_TRY(read_head(csv, bytes, name, ',', c, err));
    for (size_t i = 0; i < sizeof(OTHERS) && c->n != 0 && !has_both(c); i++) {
        columns other;
        if (read_head(csv, bytes, name, OTHERS[i], &other, NULL) == 0 && has_both(&other)) {
            *c = other;
            return 0;
        }
    }
    if (c->n == 0 || has_both(c))
        return 0;
    return fr_fail(err, FR_E_FORMAT,
                   "Name the columns \"input\" and \"output\" (or prompt and completion, text "
                   "and label, question and answer).",
                   "%s:%zu: the first row names no %s column", name, csv->line,
                   c->input == SIZE_MAX ? "input" : "output");
}

static int parse_csv(fr_str bytes, const char *name, fr_data *out, fr_err *err)
{
    FR_AUTO(fr_csv) csv = { 0 };
    const fr_str *fields = NULL;
    columns c;
    size_t n = 0;
    FR_TRY(find_columns(&csv, bytes, name, &c, err));
    if (c.n == 0)
        return 0;
    size_t input = c.input, output = c.output, instruction = c.instruction;
    for (;;) {
        FR_TRY(fr_csv_next(&csv, &fields, &n, err));
        if (n == 0)
            return 0;
        place p = { name, csv.line, err };
        if (n != c.n)
            return fr_fail(err, FR_E_FORMAT,
                           csv.separator == ',' ? "Quote fields that hold commas."
                                                : "Quote fields that hold what separates fields.",
                           "%s:%zu: %zu fields where the first row has %zu", name, csv.line, n,
                           c.n);
        if (fr_str_trim(fields[output]).n == 0)
            return no_output(&p);
        for (size_t i = 0; i < n; i++) {
            if (!is_utf8(fields[i]))
                return fr_fail(err, FR_E_FORMAT,
                               "Convert it: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW",
                               "%s:%zu: the text is not UTF-8", name, csv.line);
        }
        if (instruction == SIZE_MAX || instruction == input) {
            fr_data_put(out, fields[input], fields[output], csv.line);
            continue;
        }
        FR_AUTO(fr_buf) both = { 0 };
        fr_buf_put_str(&both, fields[instruction]);
        if (fields[input].n != 0)
            fr_buf_put_c(&both, '\n');
        fr_buf_put_str(&both, fields[input]);
        fr_data_put(out, fr_buf_str(&both), fields[output], csv.line);
    }
}

/* By the name; where that does not tell (a pipe, data.txt), by how it begins. */
static bool is_csv(const char *name, fr_str head)
{
    static const char *const ENDINGS[] = { ".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson" };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < FR_COUNT_OF(ENDINGS); i++) {
        if (strcasecmp(dot, ENDINGS[i]) == 0)
            return i < 3;
    }
    return head.at[0] != '{' && head.at[0] != '[';
}

int fr_data_parse(fr_str bytes, const char *name, fr_data *out, fr_err *err)
{
    if (fr_str_starts(bytes, FR_STR("\xEF\xBB\xBF")))
        bytes = (fr_str){ bytes.at + 3, bytes.n - 3 };
    if (fr_str_starts(bytes, FR_STR("\xFF\xFE")) || fr_str_starts(bytes, FR_STR("\xFE\xFF")))
        return fr_fail(err, FR_E_FORMAT, "Convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW",
                       "%s: the text is UTF-16, not UTF-8", name);
    fr_str head = fr_str_trim(bytes);
    if (head.n == 0)
        return 0;
    if (is_csv(name, head))
        return parse_csv(bytes, name, out, err);
    if (head.at[0] == '[')
        return parse_list(bytes, name, out, err);
    return parse_lines(bytes, name, out, err);
}

int fr_data_load(const char *path, fr_data *out, fr_err *err)
{
    FR_AUTO(fr_buf) bytes = { .limit_bytes = LIMIT_BYTES + 1 };
    FR_TRY(fr_file_read(path, LIMIT_BYTES, &bytes, err));
    return fr_data_parse(fr_buf_str(&bytes), path, out, err);
}

uint64_t fr_data_key(fr_str input)
{
    FR_AUTO(fr_buf) plain = { 0 };
    input = fr_str_trim(input);
    for (size_t i = 0; i < input.n; i++) {
        unsigned char c = (unsigned char)input.at[i];
        if (isspace(c)) {
            if (plain.n != 0 && plain.at[plain.n - 1] != ' ')
                fr_buf_put_c(&plain, ' ');
        } else {
            fr_buf_put_c(&plain, (char)tolower(c));
        }
    }
    return fr_hash64(fr_buf_text(&plain), plain.n, 0x66727567);
}

static int by_key(const void *a, const void *b)
{
    const fr_keyed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

fr_keyed *fr_data_by_key(const fr_data *data)
{
    fr_keyed *sorted = FR_NEW_N(fr_keyed, data->n);
    for (size_t i = 0; i < data->n; i++)
        sorted[i] = (fr_keyed){ fr_data_key(data->at[i].input), i };
    fr_sort(sorted, data->n, sizeof(*sorted), by_key);
    return sorted;
}

void fr_data_put_json(fr_buf *out, fr_str input, fr_str output)
{
    json_t *row = json_object();
    json_object_set_new(row, "input", json_stringn(input.at, input.n));
    if (output.at != NULL)
        json_object_set_new(row, "output", json_stringn(output.at, output.n));
    char *text = json_dumps(row, JSON_COMPACT);
    fr_buf_put_s(out, text != NULL ? text : "{}");
    fr_buf_put_c(out, '\n');
    free(text);
    json_decref(row);
}

int fr_data_hash(const fr_data *data, char out[65], fr_err *err)
{
    FR_AUTO(fr_buf) all = { 0 };
    for (size_t i = 0; i < data->n; i++) {
        fr_str half[2] = { data->at[i].input, data->at[i].output };
        for (size_t h = 0; h < 2; h++) { /* lengths first, so that no two lists look alike */
            fr_buf_put_f(&all, "%zu:", half[h].n);
            fr_buf_put_str(&all, half[h]);
        }
    }
    return fr_sha256(fr_buf_text(&all), all.n, out, err);
}
