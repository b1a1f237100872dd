#include "cli/rag_given.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "cli/model_work.h"

int fr_rag_work_begin(fr_cli *cli, const char *kind, const char *name, fr_rag_work *w, fr_err *err)
{
    return fr_cli_run_begin(cli, kind, name, &w->run, err);
}

int fr_rag_work_end(fr_rag_work *w, const char *status, fr_err *err)
{
    fr_run *run = w->run;
    w->run = NULL;
    return fr_run_end(run, status, strcmp(status, "done") == 0 ? 0 : 1, &w->used, NULL, err);
}

void fr_rag_work_fini(fr_rag_work *w)
{
    if (w->run != NULL)
        fr_run_end(w->run, "failed", 1, NULL, NULL, NULL);
    *w = (fr_rag_work){ 0 };
}

void fr_rag_work_json(const fr_rag_work *w, json_t *o)
{
    const fr_energy *e = &w->used.total;
    fr_json_put_energy(o, "energy_j", *e);
    json_object_set_new(o, "energy_low_j", fr_json_f64(e->low_j));
    json_object_set_new(o, "energy_high_j", fr_json_f64(e->high_j));
    json_object_set_new(o, "method", json_string(fr_method_name(e->method)));
    json_object_set_new(o, "cpu_s", fr_json_f64(w->used.cpu_s));
    json_object_set_new(o, "duration_s", fr_json_f64(w->used.duration_s));
    json_object_set_new(o, "carbon_g", fr_json_f64(w->used.carbon.total_g));
}

void fr_rag_work_text(const fr_rag_work *w, char out[128])
{
    char energy[48], carbon[32];
    fr_text_energy(w->used.total, energy);
    fr_text_g(w->used.carbon.total_g, carbon);
    snprintf(out, 128, "%.2f s of CPU, %s (%s), %s", w->used.cpu_s, energy,
             fr_method_name(w->used.total.method), carbon);
}

/* --- tokens ---------------------------------------------------------------------------------- */

static size_t count_tokens(void *user, fr_str text)
{
    const fr_rag_tokenizer *t = user;
    fr_ids ids = { 0 };
    size_t n =
        fr_tokenizer_encode(t->tokenizer, text, FR_ENCODE_PLAIN, &ids, NULL) == 0 ? ids.n : 1;
    fr_ids_fini(&ids);
    return FR_MAX(n, (size_t)1);
}

/* The vocabulary's own mark: every token counts. */
static uint64_t vocabulary_hash(const fr_tokenizer *t)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < fr_tokenizer_n_vocab(t); i++) {
        fr_str piece = fr_tokenizer_piece(t, (int32_t)i);
        hash = fr_hash64(piece.at, piece.n, hash + 1);
    }
    return hash;
}

int fr_rag_tokenizer_given(fr_cli *cli, fr_rag_tokenizer *t, fr_err *err)
{
    const char *path = fr_arg_text(cli, "tokenizer", NULL);
    if (path == NULL)
        return 0;
    FR_TRY(fr_model_vocab_open(path, &t->tokenizer, err));
    const char *slash = strrchr(path, '/');
    snprintf(t->name, sizeof(t->name), "%.90s %016llx", slash != NULL ? slash + 1 : path,
             (unsigned long long)vocabulary_hash(t->tokenizer));
    return 0;
}

void fr_rag_tokenizer_fini(fr_rag_tokenizer *t)
{
    fr_tokenizer_free(t->tokenizer);
    *t = (fr_rag_tokenizer){ 0 };
}

int fr_rag_sizes_given(fr_cli *cli, fr_rag_tokenizer *t, fr_index_options *o, fr_err *err)
{
    long long chars = fr_arg_i64(cli, "chunk-chars", 0),
              tokens = fr_arg_i64(cli, "chunk-tokens", 0), overlap = fr_arg_i64(cli, "overlap", -1);
    if (chars < 0 || tokens < 0 || chars > 1 << 24 || tokens > 1 << 20 || overlap > 1 << 24)
        return fr_fail(err, FR_E_USAGE, NULL, "chunks of %lld cannot be made",
                       tokens != 0 ? tokens : chars);
    if (chars > 0 && tokens > 0)
        return fr_fail(err, FR_E_USAGE, NULL,
                       "both --chunk-chars and --chunk-tokens say how large a chunk is");
    FR_TRY(fr_rag_tokenizer_given(cli, t, err));
    o->analyzer = fr_arg_text(cli, "analyzer", NULL);
    o->chunk_chars = (size_t)chars;
    o->chunk_tokens = (size_t)tokens;
    o->overlap_chars = overlap >= 0 ? (size_t)overlap : 0;
    o->overlap_tokens = overlap >= 0 ? (size_t)overlap : (size_t)tokens / 10;
    o->measure = t->tokenizer != NULL ? count_tokens : fr_measure_words;
    o->measure_user = t;
    o->tokenizer = t->tokenizer != NULL ? t->name : FR_MEASURE_WORDS;
    return 0;
}

/* --- documents ------------------------------------------------------------------------------- */

static void tell(void *user, fr_notice kind, const char *where, const char *what)
{
    fr_rag_notices *n = user;
    n->n_skipped += kind == FR_NOTICE_SKIPPED;
    if (kind == FR_NOTICE_SKIPPED)
        fr_cli_tell(n->cli, "skipped: %s", what);
    else
        fr_cli_tell(n->cli, "%s %s", where, what);
}

fr_documents_options fr_rag_documents(fr_cli *cli, fr_rag_notices *n)
{
    *n = (fr_rag_notices){ .cli = cli };
    return (fr_documents_options){ .notice = tell,
                                   .notice_user = n,
                                   .progress = fr_cli_progress(cli, NULL) };
}

/* --- queries --------------------------------------------------------------------------------- */

int fr_rag_filters_given(fr_cli *cli, fr_filter **filters, size_t *n, fr_err *err)
{
    size_t cap = 0;
    for (const char *text; (text = fr_arg_list(cli, "filter", *n)) != NULL;) {
        const char *value = strchr(text, '=');
        if (value == NULL || value == text)
            return fr_fail(err, FR_E_USAGE,
                           "As --filter year=1999; several of one key: any of them.",
                           "--filter takes KEY=VALUE, not '%s'", text);
        FR_GROW(*filters, *n, cap);
        (*filters)[(*n)++] = (fr_filter){ { text, (size_t)(value - text) }, fr_str_of(value + 1) };
    }
    return 0;
}

json_t *fr_rag_hit_json(const fr_hit *hit)
{
    json_t *o = json_object();
    json_object_set_new(o, "id", fr_json_bytes(fr_str_of(hit->id)));
    json_object_set_new(o, "score", json_real(hit->score));
    json_object_set_new(o, "text", fr_json_bytes(fr_str_of(hit->text)));
    json_object_set_new(o, "source", fr_json_bytes(fr_str_of(hit->source)));
    json_object_set_new(o, "title", fr_json_bytes(fr_str_of(hit->title != NULL ? hit->title : "")));
    json_object_set_new(o, "start_bytes", json_integer((json_int_t)hit->start));
    json_object_set_new(o, "end_bytes", json_integer((json_int_t)hit->end));
    return o;
}

int fr_rag_put_json(fr_cli *cli, json_t *o, fr_err *err)
{
    return fr_cli_put_json(cli, o) == 0 ? 0
                                        : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
}
