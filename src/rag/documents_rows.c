/* Rows that are documents: JSON Lines and CSV. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "rag/documents_priv.h"

#define LINE_MOST_BYTES ((size_t)64 << 20)

static const char *const IDS[] = { "_id", "id", "docid", NULL };
static const char *const TEXTS[] = { "text", "content", "body", "contents", NULL };

static bool is_among(const char *const *names, fr_str name)
{
    for (; *names != NULL; names++) {
        if (fr_str_is(name, *names))
            return true;
    }
    return false;
}

/* The row's name: its own id, else its line; behind the file's when there are other files. */
static char *row_id(const char *id, fr_str own, size_t line)
{
    if (own.n > 0)
        return id != NULL ? fr_dup_f("%s:%.*s", id, FR_STR_F(own)) : fr_str_dup(own);
    return id != NULL ? fr_dup_f("%s:%zu", id, line) : fr_dup_f("%zu", line);
}

static int put_row(document_flow *f, const char *path, const char *id, fr_str own, size_t line,
                   fr_str title, fr_str text, const json_t *metadata, fr_err *err)
{
    char *name = row_id(id, own, line), *origin = fr_dup_f("%s:%zu", path, line),
         *meta = json_object_size(metadata) > 0 ? json_dumps(metadata, JSON_COMPACT) : NULL;
    FR_AUTO(traced) sound = { 0 };
    FR_AUTO(traced) head = { 0 };
    traced_decode(&sound, text, ENCODING_UTF8, 0);
    traced_decode(&head, title, ENCODING_UTF8, 0);
    fr_document d = { .id = fr_str_of(name),
                      .text = fr_buf_str(&sound.text),
                      .title = fr_buf_str(&head.text),
                      .metadata = fr_str_of(meta),
                      .origin = origin,
                      .offsets = sound.offsets,
                      .n_offsets = sound.n };
    int rc = flow_put(f, &d, 0, true, err);
    free(name);
    free(origin);
    free(meta);
    return rc;
}

/* --- JSON Lines ------------------------------------------------------------------------------ */

static json_t *any_of(const json_t *row, const char *const *names)
{
    json_t *found = NULL;
    for (; *names != NULL && found == NULL; names++)
        found = json_object_get(row, *names);
    return found;
}

/* Everything but id, title and text, and what stands in "metadata". Owned. */
static json_t *metadata_of(const json_t *row)
{
    json_t *all = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)row, key, value)
    {
        fr_str name = fr_str_of(key);
        if (!is_among(IDS, name) && !is_among(TEXTS, name) && strcmp(key, "title") != 0 &&
            !json_is_object(value) && !json_is_null(value))
            json_object_set(all, key, value);
    }
    json_t *stated = json_object_get(row, "metadata");
    if (json_is_object(stated))
        json_object_update(all, stated);
    return all;
}

static int put_json(document_flow *f, const json_t *row, const char *path, const char *id,
                    size_t line, fr_err *err)
{
    const json_t *text = any_of(row, TEXTS), *own = any_of(row, IDS),
                 *title = json_object_get(row, "title");
    if (!json_is_string(text))
        return fr_fail(err, FR_E_FORMAT, "A line is {\"id\": …, \"title\": …, \"text\": …}.",
                       "%s:%zu: there is no \"text\"", path, line);
    char number[32];
    snprintf(number, sizeof(number), "%lld",
             json_is_integer(own) ? (long long)json_integer_value(own) : 0);
    json_t *metadata = metadata_of(row);
    int rc = put_row(f, path, id,
                     json_is_string(own)    ? fr_str_of(json_string_value(own))
                     : json_is_integer(own) ? fr_str_of(number)
                                            : (fr_str){ 0 },
                     line, (fr_str){ json_string_value(title), json_string_length(title) },
                     (fr_str){ json_string_value(text), json_string_length(text) }, metadata, err);
    json_decref(metadata);
    return rc;
}

static int put_line(document_flow *f, fr_str text, const char *path, const char *id, size_t line,
                    fr_err *err)
{
    json_error_t why;
    json_t *row = json_loadb(text.at, text.n, JSON_ALLOW_NUL, &why);
    if (row == NULL)
        return fr_fail(err, FR_E_FORMAT, "Every line of a .jsonl file is one JSON object.",
                       "%s:%zu: %s", path, line, why.text);
    int rc = put_json(f, row, path, id, line, err);
    json_decref(row);
    return rc;
}

/* In a folder a row that cannot be read is told of and passed over. */
static int pass_over(document_flow *f, const char *path, const char *id, int rc, const fr_err *why,
                     fr_err *err)
{
    if (rc != 0 && id != NULL && !f->failed) {
        flow_tell(f, FR_NOTICE_SKIPPED, path, why->what);
        return 0;
    }
    if (rc != 0 && err != NULL)
        *err = *why;
    return rc;
}

int read_jsonl(document_flow *f, const char *path, const char *id, fr_err *err)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL)
        return fr_fail_errno(err, NULL, "cannot read '%s'", path);
    char *line = NULL;
    size_t room = 0;
    int rc = 0;
    ssize_t n;
    for (size_t number = 1; rc == 0 && (n = getline(&line, &room, file)) >= 0; number++) {
        fr_str text = fr_str_trim((fr_str){ line, (size_t)n });
        fr_err why = { 0 };
        if (number == 1 && fr_str_starts(text, FR_STR("\xef\xbb\xbf")))
            text = (fr_str){ text.at + 3, text.n - 3 };
        if (text.n == 0)
            continue;
        rc = text.n > LINE_MOST_BYTES
                 ? fr_fail(&why, FR_E_LIMIT, NULL, "%s:%zu: the line is longer than %zu bytes",
                           path, number, LINE_MOST_BYTES)
                 : put_line(f, text, path, id, number, &why);
        rc = pass_over(f, path, id, rc, &why, err);
    }
    if (rc == 0 && ferror(file))
        rc = fr_fail_errno(err, NULL, "cannot read '%s'", path);
    free(line);
    if (file != stdin)
        fclose(file);
    return rc;
}

/* --- CSV ------------------------------------------------------------------------------------- */

typedef struct {
    char **names;
    size_t n;
    size_t id, title, text; /* columns; SIZE_MAX: none */
} columns;

static void columns_fini(columns *c)
{
    fr_names_free(c->names, c->n);
}

static columns columns_of(const fr_str *fields, size_t n)
{
    columns c = { FR_NEW_N(char *, n), n, SIZE_MAX, SIZE_MAX, SIZE_MAX };
    for (size_t i = 0; i < n; i++) {
        fr_str name = fr_str_trim(fields[i]);
        c.names[i] = fr_str_dup(name);
        if (c.id == SIZE_MAX && is_among(IDS, name))
            c.id = i;
        else if (c.text == SIZE_MAX && is_among(TEXTS, name))
            c.text = i;
        else if (c.title == SIZE_MAX && fr_str_is(name, "title"))
            c.title = i;
    }
    return c;
}

static int put_fields(document_flow *f, const columns *c, const fr_str *fields, size_t n,
                      const char *path, const char *id, size_t line, fr_err *err)
{
    FR_AUTO(fr_buf) all = { 0 };
    json_t *metadata = json_object();
    for (size_t i = 0; i < FR_MIN(n, c->n); i++) {
        if (i == c->id || i == c->title || i == c->text || fields[i].n == 0)
            continue;
        if (c->text == SIZE_MAX) /* no column is the text: all of them are */
            fr_buf_put_f(&all, "%s: %.*s\n", c->names[i], FR_STR_F(fields[i]));
        if (fields[i].n <= 256)
            json_object_set_new(metadata, c->names[i], json_stringn(fields[i].at, fields[i].n));
    }
    fr_str text = c->text < n ? fields[c->text] : fr_buf_str(&all);
    int rc = put_row(f, path, id, c->id < n ? fields[c->id] : (fr_str){ 0 }, line,
                     c->title < n ? fields[c->title] : (fr_str){ 0 }, text, metadata, err);
    json_decref(metadata);
    return rc;
}

/* Tabs become commas outside of quotes, so that one reader does for both. */
static void commas_for_tabs(fr_str bytes, fr_buf *out)
{
    fr_str line;
    while (fr_str_next(&bytes, '\n', &line)) {
        fr_str field;
        bool first = true;
        while (fr_str_next(&line, '\t', &field)) {
            if (!first)
                fr_buf_put_c(out, ',');
            first = false;
            if (field.n > 0 && field.at[field.n - 1] == '\r')
                field.n--;
            fr_csv_put(out, field);
        }
        fr_buf_put_c(out, '\n');
    }
}

int read_csv(document_flow *f, const char *path, const char *id, fr_err *err)
{
    FR_AUTO(fr_map) map = { 0 };
    FR_AUTO(traced) decoded = { 0 };
    FR_AUTO(fr_buf) tabs = { 0 };
    FR_AUTO(fr_csv) csv = { 0 };
    FR_TRY(fr_map_open(path, &map, err));
    fr_str bytes = { (const char *)map.at, map.size_bytes };
    size_t mark = 0;
    encoding e = encoding_of(bytes, &mark);
    if (e != ENCODING_UTF8 && e != ENCODING_NONE) {
        if (e == ENCODING_1252)
            flow_tell(f, FR_NOTICE_ENCODING, path, "is not UTF-8: read as Windows-1252");
        traced_decode(&decoded, (fr_str){ bytes.at + mark, bytes.n - mark }, e, 0);
        bytes = fr_buf_str(&decoded.text);
    }
    if (fr_str_ends(fr_str_of(path), FR_STR(".tsv"))) {
        commas_for_tabs(bytes, &tabs);
        bytes = fr_buf_str(&tabs);
    }
    fr_csv_init(&csv, bytes, path);
    const fr_str *fields;
    size_t n;
    FR_TRY(fr_csv_next(&csv, &fields, &n, err));
    if (n == 0)
        return 0;
    columns c = columns_of(fields, n);
    int rc = 0;
    while (rc == 0 && (rc = fr_csv_next(&csv, &fields, &n, err)) == 0 && n > 0)
        rc = put_fields(f, &c, fields, n, path, id, csv.line, err);
    columns_fini(&c);
    return rc;
}
