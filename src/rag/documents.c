/* Documents out of files and folders, and lists of them. */
#include "rag/documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "rag/documents_priv.h"

#define LIMIT_BYTES ((size_t)1 << 30)
#define LIMIT_DEPTH 32

static const struct {
    const char *ending;
    document_reader read;
} FORMATS[] = {
    { ".txt", read_text },     { ".text", read_text }, { ".md", read_markdown },
    { ".html", read_html },    { ".htm", read_html },  { ".markdown", read_markdown },
    { ".xhtml", read_html },   { ".pdf", read_pdf },   { ".docx", read_docx },
    { ".csv", read_csv },      { ".tsv", read_csv },   { ".jsonl", read_jsonl },
    { ".ndjson", read_jsonl },
};

static document_reader reader_of(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < FR_COUNT_OF(FORMATS); i++) {
        size_t m = strlen(FORMATS[i].ending);
        if (n > m && strcasecmp(name + n - m, FORMATS[i].ending) == 0)
            return FORMATS[i].read;
    }
    return NULL;
}

int flow_put(document_flow *f, const fr_document *d, size_t offset, bool first, fr_err *err)
{
    int rc = fr_progress_stopped(f->options.progress)
                 ? fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped at '%.*s'", FR_STR_F(d->id))
                 : f->fn(f->user, d, offset, first, err);
    f->failed |= rc != 0;
    return rc;
}

void flow_tell(const document_flow *f, fr_notice kind, const char *where, const char *what)
{
    if (f->options.notice != NULL)
        f->options.notice(f->options.notice_user, kind, where, what);
    else
        fr_log(FR_LOG_WARN, "%s: %s", where, what);
}

/* A file inside a folder: what is wrong with it is told, and the rest goes on. */
static int read_one_of_many(document_flow *f, document_reader reader, const char *path,
                            const char *id, fr_err *err)
{
    fr_err why = { 0 };
    int rc = reader(f, path, id, &why);
    if (rc != 0 && !f->failed) {
        flow_tell(f, FR_NOTICE_SKIPPED, path, why.what);
        return 0;
    }
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

static int read_folder(document_flow *f, const char *path, const char *below, int depth,
                       fr_err *err)
{
    char **names = NULL;
    size_t n = 0;
    int rc = fr_dir_list(path, &names, &n, err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (names[i][0] == '.')
            continue;
        char *inner = fr_path_join(path, names[i]);
        char *id = below[0] != '\0' ? fr_dup_f("%s/%s", below, names[i]) : fr_dup(names[i]);
        document_reader reader = reader_of(names[i]);
        struct stat info;
        if (lstat(inner, &info) != 0)
            rc = fr_fail_errno(err, NULL, "cannot read '%s'", inner);
        else if (S_ISDIR(info.st_mode) && depth < LIMIT_DEPTH)
            rc = read_folder(f, inner, id, depth + 1, err);
        else if ((S_ISREG(info.st_mode) || S_ISLNK(info.st_mode)) && !fr_dir_exists(inner) &&
                 reader != NULL)
            rc = read_one_of_many(f, reader, inner, id, err);
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
                                    .title = { out->memory + p->title, p->title_n },
                                    .metadata = { out->memory + p->metadata, p->metadata_n },
                                    .markdown = p->markdown };
    }
    fr_sort(out->at, out->n, sizeof(*out->at), by_id);
}

int fr_documents_load(const char *path, fr_documents *out, fr_err *err)
{
    *out = (fr_documents){ 0 };
    filling f = { .bytes.limit_bytes = LIMIT_BYTES };
    int rc = fr_documents_each(path, NULL, fill, &f, err);
    if (rc == 0 && f.n == 0)
        rc = fr_fail(err, FR_E_USAGE,
                     "Documents are text, Markdown, HTML, PDF and DOCX files, and rows of JSON "
                     "Lines or CSV.",
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
