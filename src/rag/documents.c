/* Documents out of folders and files. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "rag/rag_priv.h"
#include "text/utf8.h"

#define LIMIT_BYTES ((size_t)1 << 30)
#define LIMIT_DEPTH 32

/* A list being filled: texts stand in one buffer that moves, so offsets until it is whole. */
typedef struct {
    size_t id, id_n, text, text_n, title, title_n;
} place;
typedef struct {
    place *at;
    size_t n, cap;
    fr_buf bytes;
} filling;

/* Appends a text as well-formed UTF-8 without NULs; returns its size. */
static size_t put_text(filling *f, fr_str text)
{
    size_t before = f->bytes.n;
    if (fr_str_starts(text, FR_STR("\xef\xbb\xbf"))) {
        text.at += 3;
        text.n -= 3;
    }
    while (text.n > 0) {
        size_t fine = fr_utf8_valid_prefix(text);
        const char *nul = memchr(text.at, '\0', fine);
        if (nul != NULL)
            fine = (size_t)(nul - text.at);
        fr_buf_put(&f->bytes, text.at, fine);
        if (fine < text.n)
            fr_buf_put_s(&f->bytes, "\xef\xbf\xbd");
        fine = FR_MIN(fine + 1, text.n);
        text.at += fine;
        text.n -= fine;
    }
    return f->bytes.n - before;
}

static int put_document(filling *f, fr_str id, fr_str title, fr_str text, fr_err *err)
{
    place p = { .id = f->bytes.n };
    p.id_n = put_text(f, id);
    p.title = f->bytes.n;
    p.title_n = put_text(f, title);
    p.text = f->bytes.n;
    p.text_n = put_text(f, text);
    if (f->bytes.full)
        return fr_fail(err, FR_E_LIMIT,
                       "Split the collection, or leave out what is not asked about.",
                       "the documents are larger than %zu bytes", LIMIT_BYTES);
    FR_GROW(f->at, f->n, f->cap);
    f->at[f->n++] = p;
    return 0;
}

/* The first line of Markdown that is a heading, without its signs. */
static fr_str heading_of(fr_str text)
{
    fr_str line;
    while (fr_str_next(&text, '\n', &line)) {
        size_t signs = 0;
        while (signs < line.n && line.at[signs] == '#')
            signs++;
        if (signs > 0 && signs <= 6 && signs < line.n && line.at[signs] == ' ')
            return fr_str_trim((fr_str){ line.at + signs, line.n - signs });
    }
    return (fr_str){ 0 };
}

static bool has_ending(const char *name, const char *ending)
{
    return fr_str_ends(fr_str_of(name), fr_str_of(ending));
}

static int load_text(filling *f, const char *path, const char *id, fr_err *err)
{
    FR_AUTO(fr_buf) bytes = { 0 };
    FR_TRY(fr_file_read(path, LIMIT_BYTES, &bytes, err));
    fr_str title = has_ending(path, ".md") ? heading_of(fr_buf_str(&bytes)) : (fr_str){ 0 };
    return put_document(f, fr_str_of(id), title, fr_buf_str(&bytes), err);
}

static int load_row(filling *f, const json_t *row, const char *path, size_t line_no, fr_err *err)
{
    const json_t *text = json_object_get(row, "text"), *id = json_object_get(row, "id");
    if (id == NULL)
        id = json_object_get(row, "_id");
    char number[32];
    snprintf(number, sizeof(number), "%lld",
             json_is_integer(id) ? (long long)json_integer_value(id) : (long long)line_no);
    if (!json_is_string(text))
        return fr_fail(err, FR_E_FORMAT, "A line is {\"id\": …, \"title\": …, \"text\": …}.",
                       "%s:%zu: there is no \"text\"", path, line_no);
    const char *name = json_is_string(id) ? json_string_value(id) : number;
    return put_document(f, fr_str_of(name),
                        fr_str_of(json_string_value(json_object_get(row, "title"))),
                        (fr_str){ json_string_value(text), json_string_length(text) }, err);
}

static int load_rows(filling *f, const char *path, fr_err *err)
{
    FR_AUTO(fr_buf) bytes = { 0 };
    FR_TRY(fr_file_read(path, LIMIT_BYTES, &bytes, err));
    fr_str rest = fr_buf_str(&bytes), line;
    for (size_t line_no = 1; fr_str_next(&rest, '\n', &line); line_no++) {
        if (fr_str_trim(line).n == 0)
            continue;
        json_error_t why;
        json_t *row = json_loadb(line.at, line.n, JSON_ALLOW_NUL, &why);
        if (row == NULL)
            return fr_fail(err, FR_E_FORMAT, "Every line of a .jsonl file is one JSON object.",
                           "%s:%zu: %s", path, line_no, why.text);
        int rc = load_row(f, row, path, line_no, err);
        json_decref(row);
        FR_TRY(rc);
    }
    return 0;
}

static int load_folder(filling *f, const char *path, const char *below, int depth, fr_err *err)
{
    char **names = NULL;
    size_t n = 0;
    int rc = fr_dir_list(path, &names, &n, err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (names[i][0] == '.')
            continue;
        char *inner = fr_path_join(path, names[i]);
        char *id = below[0] != '\0' ? fr_dup_f("%s/%s", below, names[i]) : fr_dup(names[i]);
        struct stat info;
        if (lstat(inner, &info) != 0)
            rc = fr_fail_errno(err, NULL, "cannot read '%s'", inner);
        else if (S_ISDIR(info.st_mode) && depth < LIMIT_DEPTH)
            rc = load_folder(f, inner, id, depth + 1, err);
        else if (!S_ISDIR(info.st_mode) && (has_ending(id, ".txt") || has_ending(id, ".md")))
            rc = load_text(f, inner, id, err);
        free(inner);
        free(id);
    }
    fr_names_free(names, n);
    return rc;
}

int fr_documents_each(const char *path, const fr_documents_options *options, fr_document_fn fn,
                      void *user, fr_err *err)
{
    document_flow f = { .options = options != NULL ? *options : (fr_documents_options){ 0 },
                        .fn = fn,
                        .user = user };
    if (fr_dir_exists(path)) {
        char *corpus = fr_path_join(path, "corpus.jsonl");
        int rc = fr_file_exists(corpus) ? read_jsonl(&f, corpus, NULL, err)
                                        : read_folder(&f, path, "", 0, err);
        free(corpus);
        return rc;
    }
    const char *slash = strrchr(path, '/');
    document_reader reader = reader_of(path);
    if (strcmp(path, "-") == 0)
        reader = read_jsonl;
    bool rows = reader == read_jsonl || reader == read_csv;
    return (reader != NULL ? reader : read_text)(&f, path,
                                                 rows            ? NULL
                                                 : slash != NULL ? slash + 1
                                                                 : path,
                                                 err);
}

/* --- a list in memory ------------------------------------------------------------------------ */

/* Texts stand in one buffer that moves, so offsets until it is whole. */
typedef struct {
    size_t id, id_n, text, text_n, title, title_n, metadata, metadata_n;
    bool markdown;
} place;
typedef struct {
    place *at;
    size_t n, cap;
    fr_buf bytes;
} filling;

static void keep(filling *f, fr_str bytes, size_t *at, size_t *n)
{
    *at = f->bytes.n;
    fr_buf_put_str(&f->bytes, bytes);
    *n = f->bytes.n - *at;
}

static int fill(void *user, const fr_document *d, size_t offset, bool first, fr_err *err)
{
    filling *f = user;
    (void)offset;
    if (first) {
        FR_GROW(f->at, f->n, f->cap);
        place *p = &f->at[f->n++];
        *p = (place){ .markdown = d->markdown };
        keep(f, d->id, &p->id, &p->id_n);
        keep(f, d->title, &p->title, &p->title_n);
        keep(f, d->metadata, &p->metadata, &p->metadata_n);
        keep(f, d->text, &p->text, &p->text_n);
    } else { /* the text is the last that was put */
        size_t at, n;
        keep(f, d->text, &at, &n);
        f->at[f->n - 1].text_n += n;
    }
    if (f->bytes.full)
        return fr_fail(err, FR_E_LIMIT,
                       "Split the collection, or leave out what is not asked about.",
                       "the documents are larger than %zu bytes", LIMIT_BYTES);
    return 0;
}

static int by_id(const void *left, const void *right)
{
    const fr_document *a = left, *b = right;
    int order = memcmp(a->id.at, b->id.at, FR_MIN(a->id.n, b->id.n));
    return order != 0 ? order : (a->id.n > b->id.n) - (a->id.n < b->id.n);
}

static void finish(filling *f, fr_documents *out)
{
    out->n = f->n;
    out->at = FR_NEW_N(fr_document, f->n);
    out->memory = fr_buf_take(&f->bytes);
    for (size_t i = 0; i < f->n; i++) {
        const place *p = &f->at[i];
        out->at[i] = (fr_document){ .id = { out->memory + p->id, p->id_n },
                                    .text = { out->memory + p->text, p->text_n },
                                    .title = { out->memory + p->title, p->title_n } };
    }
    fr_sort(out->at, out->n, sizeof(*out->at), by_id);
}

int fr_documents_load(const char *path, fr_documents *out, fr_err *err)
{
    *out = (fr_documents){ 0 };
    filling f = { .bytes.limit_bytes = LIMIT_BYTES };
    int rc;
    const char *slash = strrchr(path, '/');
    if (fr_dir_exists(path))
        rc = load_folder(&f, path, "", 0, err);
    else if (has_ending(path, ".jsonl"))
        rc = load_rows(&f, path, err);
    else
        rc = load_text(&f, path, slash != NULL ? slash + 1 : path, err);
    if (rc == 0 && f.n == 0)
        rc = fr_fail(err, FR_E_USAGE, "Documents are .txt and .md files, or rows of a .jsonl file.",
                     "there are no documents in '%s'", path);
    if (rc == 0)
        finish(&f, out);
    fr_buf_fini(&f.bytes);
    free(f.at);
    return rc;
}

void fr_documents_fini(fr_documents *d)
{
    free(d->at);
    free(d->memory);
    *d = (fr_documents){ 0 };
}
