/* frugal rag index, add, remove, info: an index of documents made, changed, shown. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/model_work.h"
#include "cli/rag_dense.h"
#include "rag/retriever.h"

enum {
    SAMPLE_BYTES = 64 << 10,
    SAMPLE_OF_ONE = 2048,
    BATCH_DOCUMENTS = 256,
    BATCH_BYTES = 8 << 20
};

/* --- the language ---------------------------------------------------------------------------- */

#define ENOUGH 1 /* no error: the sample is large enough */

static int take_sample(void *user, const fr_document *d, size_t offset, bool first, fr_err *err)
{
    fr_buf *sample = user;
    (void)offset;
    (void)first;
    (void)err;
    fr_buf_put(sample, d->text.at, FR_MIN(d->text.n, (size_t)SAMPLE_OF_ONE));
    fr_buf_put_c(sample, ' ');
    return sample->n >= SAMPLE_BYTES ? ENOUGH : 0;
}

static void pass_over(void *user, fr_notice kind, const char *where, const char *what)
{
    (void)user;
    (void)kind;
    (void)where;
    (void)what;
}

/* The analyzer that the first documents ask for. What is wrong with them is told later. */
static const char *guess(char **paths, size_t n)
{
    FR_AUTO(fr_buf) sample = { 0 };
    fr_documents_options quiet = { .notice = pass_over };
    for (size_t i = 0; i < n && sample.n < SAMPLE_BYTES; i++) {
        if (strcmp(paths[i], "-") != 0)
            fr_documents_each(paths[i], &quiet, take_sample, &sample, NULL);
    }
    return fr_language_guess(fr_buf_str(&sample));
}

/* --- putting --------------------------------------------------------------------------------- */

typedef struct {
    fr_cli *cli;
    fr_index_writer *w;
    fr_put_kind how;
    const fr_progress *progress;
    size_t bytes, n_replaced;
    /* of an index that is changed: what waits for the next commit, to be acknowledged after it */
    size_t batch, waiting, waiting_bytes;
    fr_buf unheard;
} intake;

static int commit(intake *in, fr_err *err)
{
    FR_TRY(fr_index_commit(in->w, err));
    if (!fr_cli_json(in->cli)) {
        fwrite(fr_buf_text(&in->unheard), 1, in->unheard.n, stdout);
        if (fflush(stdout) != 0)
            return fr_fail_errno(err, NULL, "cannot write the output");
    }
    fr_buf_clear(&in->unheard);
    in->waiting = in->waiting_bytes = 0;
    return 0;
}

static int put(void *user, const fr_document *d, size_t offset, bool first, fr_err *err)
{
    intake *in = user;
    bool replaced = false;
    if (first && in->batch > 0 && (in->waiting >= in->batch || in->waiting_bytes >= BATCH_BYTES))
        FR_TRY(commit(in, err));
    FR_TRY(fr_index_put_piece(in->w, d, offset, first, in->how, &replaced, err));
    in->bytes += d->text.n;
    in->waiting += first;
    in->waiting_bytes += d->text.n;
    in->n_replaced += first && replaced;
    if (first && in->batch > 0)
        fr_buf_put_f(&in->unheard, "%s %.*s\n", replaced ? "replaced" : "added", FR_STR_F(d->id));
    fr_progress_step(in->progress, "index", (double)in->bytes * 1e-6, 0, "MB", NULL);
    return 0;
}

static int put_paths(intake *in, char **paths, size_t n, fr_rag_notices *notices, fr_err *err)
{
    fr_documents_options o = fr_rag_documents(in->cli, notices);
    in->progress = o.progress;
    for (size_t i = 0; i < n; i++)
        FR_TRY(fr_documents_each(paths[i], &o, put, in, err));
    return 0;
}

/* --- index ----------------------------------------------------------------------------------- */

static const fr_option INDEX_OPTIONS[] = {
    { "out", 'o', FR_OPTION_TEXT, "INDEX|STORE",
      "the file that is made, or the store that is filled" },
    FR_OPTIONS_RAG_SIZES,
    FR_OPTIONS_RAG_EMBED,
    { "k1", 0, FR_OPTION_F64, "X", "BM25: how soon more of a word stops counting (default 0.9)" },
    { "b", 0, FR_OPTION_F64, "X", "BM25: how much long chunks are held back (default 0.4)" },
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

static int tell_index(fr_cli *cli, const char *path, const fr_rag_notices *notices, size_t bytes,
                      const fr_dense_counts *embedded, const fr_rag_work *work, fr_err *err)
{
    FR_AUTOPTR(fr_index) index = NULL;
    FR_TRY(fr_index_open(path, &index, err));
    struct stat info = { 0 };
    stat(path, &info);
    if (!fr_cli_json(cli)) {
        char took[128];
        fr_rag_work_text(work, took);
        printf("%s: %zu documents, %zu chunks, analyzer %s, %.1f MB\n", path,
               fr_index_n_documents(index), fr_index_n_chunks(index),
               fr_index_built_with(index).analyzer, (double)info.st_size * 1e-6);
        fr_cli_tell(cli, "%s", took);
        return 0;
    }
    json_t *o = json_object();
    json_object_set_new(o, "index", json_string(path));
    json_object_set_new(o, "documents", json_integer((json_int_t)fr_index_n_documents(index)));
    json_object_set_new(o, "chunks", json_integer((json_int_t)fr_index_n_chunks(index)));
    json_object_set_new(o, "skipped", json_integer((json_int_t)notices->n_skipped));
    json_object_set_new(o, "analyzer", json_string(fr_index_analyzer_mark(index)));
    json_object_set_new(o, "text_bytes", json_integer((json_int_t)bytes));
    json_object_set_new(o, "index_bytes", json_integer((json_int_t)info.st_size));
    fr_rag_counts_json(embedded, o);
    fr_rag_work_json(work, o);
    return fr_rag_put_json(cli, o, err);
}

static int tell_store(fr_cli *cli, size_t documents, size_t passages, const fr_rag_notices *notices,
                      const fr_rag_work *work, fr_err *err)
{
    if (!fr_cli_json(cli)) {
        char took[128];
        fr_rag_work_text(work, took);
        printf("%zu documents, %zu passages are in the store\n", documents, passages);
        fr_cli_tell(cli, "%s", took);
        return 0;
    }
    json_t *o = json_object();
    json_object_set_new(o, "documents", json_integer((json_int_t)documents));
    json_object_set_new(o, "chunks", json_integer((json_int_t)passages));
    json_object_set_new(o, "skipped", json_integer((json_int_t)notices->n_skipped));
    fr_rag_work_json(work, o);
    return fr_rag_put_json(cli, o, err);
}

static char *passing_file(void)
{
    const char *tmp = getenv("TMPDIR");
    return fr_dup_f("%s/frugal-store-%d.index", tmp != NULL ? tmp : "/tmp", (int)getpid());
}

/* Into a file, which for a store is one in passing. */
static int index_into(fr_cli *cli, const char *file, const char *store, fr_err *err)
{
    FR_AUTO(fr_rag_work) work = { 0 };
    FR_AUTO(fr_rag_tokenizer) tokenizer = { 0 };
    FR_AUTO(fr_rag_models) models = { 0 };
    FR_AUTOPTR(fr_index_writer) w = NULL;
    fr_index_options o = { .k1 = fr_arg_f64(cli, "k1", 0),
                           .b = fr_arg_given(cli, "b") ? fr_arg_f64(cli, "b", 0) : 0 };
    fr_rag_notices notices;
    fr_dense_counts embedded = { 0 };
    size_t n = 0, n_stored = 0;
    char **rest = fr_arg_rest(cli, &n);
    FR_TRY(fr_rag_sizes_given(cli, &tokenizer, &o, err));
    if (fr_arg_given(cli, "b") && !(o.b > 0))
        o.b = -1;
    FR_TRY(fr_rag_work_begin(cli, "rag-index", store != NULL ? "shared store" : file, &work, err));
    FR_TRY(fr_rag_models_given(cli, work.run, false, &models, err));
    if (o.analyzer == NULL || strcmp(o.analyzer, "auto") == 0)
        o.analyzer = guess(rest, n);
    FR_TRY(fr_index_create(file, &o, &w, err));
    intake in = { .cli = cli, .w = w };
    FR_TRY(put_paths(&in, rest, n, &notices, err));
    FR_TRY(fr_index_finish(w, err));
    size_t n_documents = fr_index_writer_n_documents(w);
    fr_run_note(work.run, "work", "documents", (double)n_documents, NULL, NULL);
    if (store != NULL)
        FR_TRY(fr_rag_store_fill(cli, work.run, &models, file, store, &n_stored, err));
    else
        FR_TRY(fr_rag_embed(cli, work.run, &models, file, &embedded, err));
    FR_TRY(fr_rag_work_end(&work, "done", err));
    return store != NULL ? tell_store(cli, n_documents, n_stored, &notices, &work, err)
                         : tell_index(cli, file, &notices, in.bytes, &embedded, &work, err);
}

static int index_all(fr_cli *cli, fr_err *err)
{
    const char *out = NULL, *first = NULL;
    FR_TRY(fr_arg_need(cli, 0, "a folder or file of documents", &first, err));
    FR_TRY(fr_arg_need_text(cli, "out", &out, err));
    if (!fr_retriever_is_store(out))
        return index_into(cli, out, NULL, err);
    char *file = passing_file();
    int rc = index_into(cli, file, out, err);
    unlink(file);
    free(file);
    return rc;
}

static int run_index(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, index_all(cli, &err), &err);
}

const fr_command FR_RAG_index = {
    .name = "rag index",
    .run = run_index,
    .options = INDEX_OPTIONS,
    .arguments = "PATH…",
    .summary = "make an index of documents",
    .examples =
        "frugal rag index docs/ -o docs.index  # a folder: text, Markdown, HTML, PDF, DOCX, CSV\n"
        "frugal rag index beir/ -o beir.index  # one with corpus.jsonl: its rows\n"
        "frugal rag index a.pdf b.md -o two.index --analyzer de --chunk-tokens 256\n"
        "frugal rag index docs/ -o docs.index --embed minilm.gguf  # by meaning too\n"
        "frugal rag index docs/ -o postgresql://me@db/facts?table=docs  # a shared store\n",
    .more =
        "Rows of .jsonl are {\"_id\", \"title\", \"text\", …}, of .csv named columns; other\n"
        "fields become metadata for --filter. What cannot be read (encrypted, broken) is named\n"
        "and skipped inside a folder. The index is whole or not there; it pins analyzer,\n"
        "chunker and tokenizer, and one made otherwise is refused. With --embed, the vectors of\n"
        "its chunks lie beside it in INDEX.vectors and pin their model.",
};

/* --- add, remove ----------------------------------------------------------------------------- */

static const fr_option ADD_OPTIONS[] = {
    FR_OPTIONS_RAG_SIZES,
    FR_OPTIONS_RAG_EMBED,
    { "batch", 0, FR_OPTION_I64, "N", "documents a commit (default 256)" },
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

static int add_all(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_rag_work) work = { 0 };
    FR_AUTO(fr_rag_models) models = { 0 };
    fr_dense_counts embedded = { 0 };
    FR_AUTO(fr_rag_tokenizer) tokenizer = { 0 };
    FR_AUTOPTR(fr_index_writer) w = NULL;
    fr_index_options o = { 0 };
    fr_rag_notices notices;
    const char *path = NULL, *first = NULL;
    size_t n = 0;
    char **rest = fr_arg_rest(cli, &n);
    long long batch = fr_arg_i64(cli, "batch", BATCH_DOCUMENTS);
    FR_TRY(fr_arg_need(cli, 0, "an index", &path, err));
    FR_TRY(fr_arg_need(cli, 1, "a folder or file of documents", &first, err));
    if (batch < 1 || batch > 1 << 20)
        return fr_fail(err, FR_E_USAGE, NULL, "--batch takes 1 or more, not %lld", batch);
    FR_TRY(fr_rag_sizes_given(cli, &tokenizer, &o, err));
    FR_TRY(fr_rag_work_begin(cli, "rag-add", path, &work, err));
    FR_TRY(fr_rag_models_given(cli, work.run, false, &models, err));
    FR_TRY(fr_index_update(path, &o, &w, err));
    intake in = { .cli = cli, .w = w, .how = FR_PUT_REPLACE, .batch = (size_t)batch };
    int rc = put_paths(&in, rest + 1, n - 1, &notices, err);
    if (rc == 0)
        rc = commit(&in, err);
    fr_buf_fini(&in.unheard);
    FR_TRY(rc);
    size_t put_n = fr_index_writer_n_documents(w);
    FR_TRY(fr_rag_embed(cli, work.run, &models, path, &embedded, err));
    FR_TRY(fr_rag_work_end(&work, "done", err));
    if (!fr_cli_json(cli)) {
        fr_cli_tell(cli, "%zu added, %zu replaced", put_n - in.n_replaced, in.n_replaced);
        return 0;
    }
    json_t *report = json_object();
    json_object_set_new(report, "index", json_string(path));
    json_object_set_new(report, "added", json_integer((json_int_t)(put_n - in.n_replaced)));
    json_object_set_new(report, "replaced", json_integer((json_int_t)in.n_replaced));
    json_object_set_new(report, "skipped", json_integer((json_int_t)notices.n_skipped));
    fr_rag_counts_json(&embedded, report);
    fr_rag_work_json(&work, report);
    return fr_rag_put_json(cli, report, err);
}

static int run_add(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, add_all(cli, &err), &err);
}

const fr_command FR_RAG_add = {
    .name = "rag add",
    .run = run_add,
    .options = ADD_OPTIONS,
    .arguments = "INDEX PATH…",
    .summary = "add documents to an index, or replace those of the same id",
    .examples = "frugal rag add docs.index new/  # every document below new/\n"
                "frugal rag add docs.index - --batch 1 < rows.jsonl  # each on the disk at once\n",
    .more =
        "A line \"added ID\" or \"replaced ID\" comes when the document is in the index for\n"
        "good, whatever happens to the program afterwards. Others may query meanwhile. Ids are\n"
        "paths below the folder that is named, or the rows' own.",
};

static const fr_option REMOVE_OPTIONS[] = { FR_OPTIONS_PLACE, FR_OPTIONS_END };

static int remove_all(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_rag_work) work = { 0 };
    FR_AUTOPTR(fr_index_writer) w = NULL;
    const char *path = NULL, *first = NULL;
    size_t n = 0;
    char **rest = fr_arg_rest(cli, &n);
    FR_TRY(fr_arg_need(cli, 0, "an index", &path, err));
    FR_TRY(fr_arg_need(cli, 1, "the id of a document", &first, err));
    FR_TRY(fr_rag_work_begin(cli, "rag-remove", path, &work, err));
    FR_TRY(fr_index_update(path, &(fr_index_options){ .measure = fr_measure_words }, &w, err));
    for (size_t i = 1; i < n; i++) {
        bool found = false;
        FR_TRY(fr_index_remove(w, fr_str_of(rest[i]), &found, err));
        if (!found)
            return fr_fail(err, FR_E_NOT_FOUND, "Nothing was removed.",
                           "there is no document '%s' in '%s'", rest[i], path);
    }
    FR_TRY(fr_index_finish(w, err));
    FR_TRY(fr_rag_work_end(&work, "done", err));
    if (!fr_cli_json(cli)) {
        for (size_t i = 1; i < n; i++)
            printf("removed %s\n", rest[i]);
        return 0;
    }
    json_t *o = json_object();
    json_object_set_new(o, "index", json_string(path));
    json_object_set_new(o, "removed", json_integer((json_int_t)n - 1));
    fr_rag_work_json(&work, o);
    return fr_rag_put_json(cli, o, err);
}

static int run_remove(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, remove_all(cli, &err), &err);
}

const fr_command FR_RAG_remove = {
    .name = "rag remove",
    .run = run_remove,
    .options = REMOVE_OPTIONS,
    .arguments = "INDEX ID…",
    .summary = "take documents out of an index",
    .examples =
        "frugal rag remove docs.index old/report.md  # by its id, as `rag query` shows it\n",
    .more = "All of them, or none when one of them is not there.",
};

/* --- info ------------------------------------------------------------------------------------ */

static const fr_option INFO_OPTIONS[] = { FR_OPTIONS_END };

static int info(fr_cli *cli, fr_err *err)
{
    FR_AUTOPTR(fr_index) index = NULL;
    const char *path = NULL;
    struct stat size = { 0 };
    FR_TRY(fr_arg_need(cli, 0, "an index", &path, err));
    FR_TRY(fr_index_open(path, &index, err));
    stat(path, &size);
    fr_index_options o = fr_index_built_with(index);
    bool tokens = o.chunk_tokens > 0;
    if (!fr_cli_json(cli)) {
        printf("documents    %zu\nchunks       %zu, of at most %zu %s, %zu said again\n"
               "analyzer     %s\ntokenizer    %s\nBM25         k1 %g, b %g\nsize         %.1f MB\n",
               fr_index_n_documents(index), fr_index_n_chunks(index),
               tokens ? o.chunk_tokens : o.chunk_chars, tokens ? "tokens" : "characters",
               tokens ? o.overlap_tokens : o.overlap_chars, fr_index_analyzer_mark(index),
               tokens ? o.tokenizer : "none", o.k1, o.b, (double)size.st_size * 1e-6);
        return 0;
    }
    json_t *j = json_object();
    json_object_set_new(j, "index", json_string(path));
    json_object_set_new(j, "documents", json_integer((json_int_t)fr_index_n_documents(index)));
    json_object_set_new(j, "chunks", json_integer((json_int_t)fr_index_n_chunks(index)));
    json_object_set_new(j, "analyzer", json_string(fr_index_analyzer_mark(index)));
    json_object_set_new(j, "tokenizer",
                        tokens ? fr_json_bytes(fr_str_of(o.tokenizer)) : json_null());
    json_object_set_new(j, "chunk_chars",
                        tokens ? json_null() : json_integer((json_int_t)o.chunk_chars));
    json_object_set_new(j, "chunk_tokens",
                        tokens ? json_integer((json_int_t)o.chunk_tokens) : json_null());
    json_object_set_new(j, "k1", json_real(o.k1));
    json_object_set_new(j, "b", json_real(o.b));
    json_object_set_new(j, "index_bytes", json_integer((json_int_t)size.st_size));
    return fr_rag_put_json(cli, j, err);
}

static int run_info(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, info(cli, &err), &err);
}

const fr_command FR_RAG_info = {
    .name = "rag info",
    .run = run_info,
    .options = INFO_OPTIONS,
    .arguments = "INDEX",
    .summary = "show what an index holds and what made it",
    .examples = "frugal rag info docs.index\n",
};
