/* The models behind `frugal rag`: opened inside the run, so that their work is metered. */
#include "cli/rag_dense.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

static int pooling_given(fr_cli *cli, fr_pooling *out, fr_err *err)
{
    static const fr_pooling KNOWN[] = { FR_POOLING_MEAN, FR_POOLING_CLS, FR_POOLING_LAST };
    const char *name = fr_arg_text(cli, "pooling", NULL);
    *out = FR_POOLING_NONE;
    for (size_t i = 0; name != NULL && i < FR_COUNT_OF(KNOWN); i++) {
        if (strcmp(name, fr_pooling_name(KNOWN[i])) == 0)
            *out = KNOWN[i];
    }
    if (name != NULL && *out == FR_POOLING_NONE)
        return fr_fail(err, FR_E_USAGE, "Choose mean, cls or last.", "--pooling '%s' is not known",
                       name);
    return 0;
}

/* A server's model stands behind a # in its address. */
static int connect_to(const char *where, fr_endpoint **out, fr_err *err)
{
    const char *hash = strncmp(where, "http", 4) == 0 ? strrchr(where, '#') : NULL;
    char *address = fr_dup_n(where, hash != NULL ? (size_t)(hash - where) : strlen(where));
    int rc = fr_endpoint_connect(address, hash != NULL ? hash + 1 : NULL, NULL, out, err);
    if (rc == FR_E_USAGE && hash == NULL && strncmp(where, "http", 4) == 0)
        rc = fr_fail(err, rc, "As http://localhost:8000/v1#NAME.",
                     "the address of a server needs the name of a model behind a #");
    free(address);
    return rc;
}

static int open_model(fr_cli *cli, fr_run *run, const char *where, fr_embedder **embedder,
                      fr_endpoint **out, fr_err *err)
{
    if (fr_endpoint_is_address(where))
        return connect_to(where, out, err);
    long long threads = fr_arg_i64(cli, "threads", 0);
    fr_embedder_options o = { .threads = (int)threads, .truncate = true, .work = fr_run_work(run) };
    if (threads < 0 || threads > 1024)
        return fr_fail(err, FR_E_USAGE, NULL, "--threads takes a number from 1 to 1024, not %lld",
                       threads);
    FR_TRY(pooling_given(cli, &o.pooling, err));
    FR_TRY(fr_embedder_open(where, &o, embedder, err));
    return fr_endpoint_embedder(*embedder, out, err);
}

static int check_use(fr_rag_models *m, const char *embed, const char *rerank, fr_err *err)
{
    if (embed != NULL && !fr_endpoint_can_embed(m->embed))
        return fr_fail(err, FR_E_USAGE, "Is it meant for --rerank?", "'%s' makes no embeddings",
                       embed);
    if (rerank != NULL && !fr_endpoint_can_rank(m->rerank))
        return fr_fail(err, FR_E_USAGE, "A reranker's file has a classification head.",
                       "'%s' does not tell how well a passage answers", rerank);
    return 0;
}

int fr_rag_models_given(fr_cli *cli, fr_run *run, bool searches, fr_rag_models *m, fr_err *err)
{
    const char *embed = fr_arg_text(cli, "embed", NULL), *codes = fr_arg_text(cli, "codes", NULL);
    const char *rerank = searches ? fr_arg_text(cli, "rerank", NULL) : NULL,
               *mode = searches ? fr_arg_text(cli, "mode", NULL) : NULL;
    long long rerank_n = searches ? fr_arg_i64(cli, "rerank-n", 0) : 0;
    if (mode != NULL && (m->mode = fr_mode_find(fr_str_of(mode))) == FR_MODE_NONE)
        return fr_fail(err, FR_E_USAGE, "Choose lexical, dense or hybrid.",
                       "--mode '%s' is not known", mode);
    if (m->mode > FR_MODE_LEXICAL && embed == NULL)
        return fr_fail(err, FR_E_USAGE, "Name the model that made the vectors: --embed MODEL.",
                       "--mode %s needs a model", mode);
    if (codes != NULL && (m->options.codes = fr_codes_find(fr_str_of(codes))) == FR_CODES_NONE)
        return fr_fail(err, FR_E_USAGE, "Choose auto, f32, int8 or binary.",
                       "--codes '%s' is not known", codes);
    if (rerank_n < 0 || rerank_n > 1000)
        return fr_fail(err, FR_E_USAGE, NULL, "--rerank-n takes 1 to 1000, not %lld", rerank_n);
    m->rerank_n = (size_t)rerank_n;
    if (embed == NULL && rerank == NULL)
        return 0;
    if (embed != NULL)
        FR_TRY(open_model(cli, run, embed, &m->embedder, &m->embed, err));
    if (rerank != NULL)
        FR_TRY(open_model(cli, run, rerank, &m->ranker, &m->rerank, err));
    FR_TRY(fr_pool_new((int)fr_arg_i64(cli, "threads", 0), &m->pool, err));
    m->options.embedder = m->embed;
    m->options.prefix = fr_arg_text(cli, "prefix", NULL);
    m->options.query_prefix = fr_arg_text(cli, "query-prefix", NULL);
    m->options.pooling =
        m->embedder != NULL ? fr_pooling_name(fr_embedder_pooling(m->embedder)) : NULL;
    return check_use(m, embed, rerank, err);
}

void fr_rag_models_fini(fr_rag_models *m)
{
    fr_endpoint_free(m->embed);
    fr_endpoint_free(m->rerank);
    fr_embedder_free(m->embedder);
    fr_embedder_free(m->ranker);
    fr_pool_free(m->pool);
    *m = (fr_rag_models){ 0 };
}

static int embed_index(fr_cli *cli, fr_run *run, fr_rag_models *m, const char *index_path,
                       fr_dense_counts *counts, fr_err *err)
{
    FR_AUTOPTR(fr_index) index = NULL;
    FR_TRY(fr_index_open(index_path, &index, err));
    if (fr_index_n_chunks(index) == 0)
        return 0;
    return fr_dense_update(index_path, index, &m->options, m->pool, fr_cli_progress(cli, run),
                           counts, err);
}

int fr_rag_embed(fr_cli *cli, fr_run *run, fr_rag_models *m, const char *index_path,
                 fr_dense_counts *counts, fr_err *err)
{
    fr_dense_counts nowhere = { 0 };
    fr_phase *phase = NULL;
    counts = counts != NULL ? counts : &nowhere;
    *counts = (fr_dense_counts){ 0 };
    if (m->embed == NULL)
        return 0;
    FR_TRY(fr_phase_begin(run, "embed", index_path, &phase, err));
    int rc = embed_index(cli, run, m, index_path, counts, err);
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
    FR_TRY(rc != 0 ? rc : end_rc);
    fr_cli_tell(cli, "%zu chunks embedded (%zu tokens), %zu had their vectors", counts->n_embedded,
                counts->tokens, counts->n_kept);
    return 0;
}

int fr_rag_dense_open(fr_cli *cli, fr_rag_models *m, const char *index_path, fr_index *index,
                      fr_dense **out, fr_err *err)
{
    *out = NULL;
    if (m->embed == NULL)
        return 0;
    FR_TRY(fr_dense_open(index_path, index, &m->options, out, err));
    if (fr_dense_n_missing(*out) > 0)
        fr_cli_tell(cli,
                    "%zu chunks have no vectors yet and are found by words only: `frugal rag add "
                    "%s --embed …` makes them",
                    fr_dense_n_missing(*out), index_path);
    return 0;
}

void fr_rag_counts_json(const fr_dense_counts *counts, json_t *o)
{
    json_object_set_new(o, "embedded_chunks", json_integer((json_int_t)counts->n_embedded));
    json_object_set_new(o, "kept_chunks", json_integer((json_int_t)counts->n_kept));
    json_object_set_new(o, "embed_tokens", json_integer((json_int_t)counts->tokens));
}

void fr_rag_spent_json(fr_mode mode, const fr_retrieve_spent *spent, json_t *o)
{
    json_object_set_new(o, "mode", json_string(fr_mode_name(mode)));
    json_object_set_new(o, "search_cpu_s", fr_json_f64(spent->search_cpu_s));
    json_object_set_new(o, "embed_cpu_s", fr_json_f64(spent->embed_cpu_s));
    json_object_set_new(o, "rerank_cpu_s", fr_json_f64(spent->rerank_cpu_s));
    json_object_set_new(o, "embed_tokens", json_integer((json_int_t)spent->embed_tokens));
    json_object_set_new(o, "reranked", json_integer((json_int_t)spent->n_reranked));
}
