/* frugal rag eval: how good retrieval is, by judgements, as trec_eval would say it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/rag_dense.h"
#include "cli/rag_answering.h"
#include "cli/rag_answers.h"
#include "cli/rag_given.h"
#include "rag/judge.h"

static const fr_option OPTIONS[] = {
    { "queries", 0, FR_OPTION_TEXT, "FILE",
      "{\"_id\", \"text\"} a line (default: FOLDER/queries.jsonl)" },
    { "qrels", 0, FR_OPTION_TEXT, "FILE",
      "judgements, BEIR's or TREC's (default: FOLDER/qrels/test.tsv)" },
    { "cut", 'k', FR_OPTION_I64, "N", "recall_at_k is taken there (default 10)" },
    { "depth", 0, FR_OPTION_I64, "N", "documents a query that are ranked (default 100)" },
    { "run", 0, FR_OPTION_TEXT, "FILE", "judge this TREC run instead of searching" },
    { "out", 'o', FR_OPTION_TEXT, "FILE", "write the ranking as a TREC run" },
    { "plain", 0, FR_OPTION_FLAG, NULL, "BM25 alone, without the second look at the best 50" },
    { "answers", 0, FR_OPTION_FLAG, NULL, "judge answers (of an INDEX), not rankings" },
    { "tune-build-j", 0, FR_OPTION_F64, "J",
      "with --answers: what a tuned model took to make, and" },
    { "tuned-request-j", 0, FR_OPTION_F64, "J", "takes per question: where it would pay" },
    { "index-j", 0, FR_OPTION_F64, "J", "what the index took to make (default 0)" },
    FR_OPTIONS_RAG_ANSWERING,
    FR_OPTIONS_RAG_SIZES,
    FR_OPTIONS_RAG_EMBED,
    FR_OPTIONS_RAG_SEARCH,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

enum { CUTS = 5 };

typedef struct {
    fr_rag_work work;
    fr_questions questions;
    fr_qrels qrels;
    fr_ranking run;
    char **sources; /* documents' names, which the run borrows */
    size_t n_sources, cap_sources, n_searched, depth;
    double search_s; /* CPU */
    fr_rag_models models;
    fr_dense *dense;
    fr_mode mode;
    fr_retrieve_spent spent;
    fr_scores scores;
    size_t cuts[CUTS];
} evaluation;

static void evaluation_fini(evaluation *e)
{
    fr_rag_work_fini(&e->work);
    fr_dense_free(e->dense);
    fr_rag_models_fini(&e->models);
    fr_questions_fini(&e->questions);
    fr_qrels_fini(&e->qrels);
    fr_ranking_fini(&e->run);
    fr_names_free(e->sources, e->n_sources);
}
FR_AUTO_DEFINE(evaluation);

/* --- an index for the time of the evaluation -------------------------------------------------- */

static int put(void *user, const fr_document *d, size_t offset, bool first, fr_err *err)
{
    return fr_index_put_piece(user, d, offset, first, FR_PUT_NONE, NULL, err);
}

static int index_folder(fr_cli *cli, const char *folder, const char *path, fr_err *err)
{
    FR_AUTO(fr_rag_tokenizer) tokenizer = { 0 };
    FR_AUTOPTR(fr_index_writer) w = NULL;
    fr_rag_notices notices;
    fr_index_options o = { 0 };
    FR_TRY(fr_rag_sizes_given(cli, &tokenizer, &o, err));
    FR_TRY(fr_index_create(path, &o, &w, err));
    fr_documents_options from = fr_rag_documents(cli, &notices);
    FR_TRY(fr_documents_each(folder, &from, put, w, err));
    return fr_index_finish(w, err);
}

/* --- searching ------------------------------------------------------------------------------- */

static bool is_new(const fr_hits *hits, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (strcmp(hits->at[j].source, hits->at[i].source) == 0)
            return false;
    }
    return true;
}

/* A document is as good as its best chunk. More chunks are asked for until there are documents
 * enough, or no more chunks. */
static int find(evaluation *e, fr_index *index, fr_str text, size_t k, const fr_search_options *o,
                fr_hits *hits, fr_err *err)
{
    FR_AUTO(fr_ranked) list = { 0 };
    if (e->dense != NULL || e->models.rerank != NULL)
        return fr_retrieve(index, e->dense, text,
                           &(fr_retrieve_options){ .mode = e->mode,
                                                   .k = k,
                                                   .reranker = e->models.rerank,
                                                   .rerank_n = e->models.rerank_n },
                           hits, &e->spent, err);
    double begin_s = fr_cpu_self_s();
    FR_TRY(fr_index_rank(index, text, k, o, &list, err));
    FR_TRY(fr_index_read(index, &list, hits, err));
    e->spent.search_cpu_s += fr_cpu_self_s() - begin_s;
    return 0;
}

static int rank_documents(evaluation *e, fr_index *index, const fr_question *q,
                          const fr_search_options *o, fr_err *err)
{
    for (size_t k = e->depth * 2;; k *= 4) {
        FR_AUTO(fr_hits) hits = { 0 };
        FR_TRY(find(e, index, q->text, k, o, &hits, err));
        size_t n = 0;
        for (size_t i = 0; i < hits.n; i++)
            n += is_new(&hits, i);
        if (n < e->depth && hits.n == k)
            continue;
        n = 0;
        for (size_t i = 0; i < hits.n && n < e->depth; i++) {
            if (!is_new(&hits, i))
                continue;
            FR_GROW(e->sources, e->n_sources, e->cap_sources);
            e->sources[e->n_sources++] = fr_dup(hits.at[i].source);
            fr_ranking_put(&e->run, q->id, fr_str_of(e->sources[e->n_sources - 1]),
                           hits.at[i].score);
            n++;
        }
        return 0;
    }
}

static bool is_judged(const fr_qrels *q, fr_str query)
{
    size_t low = 0, high = q->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        fr_str at = q->at[middle].query;
        int order = memcmp(at.at, query.at, FR_MIN(at.n, query.n));
        order = order != 0 ? order : (at.n > query.n) - (at.n < query.n);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static int search_all(fr_cli *cli, evaluation *e, const char *index_path, fr_err *err)
{
    FR_AUTOPTR(fr_index) index = NULL;
    fr_search_options o = { .second_look = fr_arg_flag(cli, "plain") ? -1 : 0 };
    const fr_progress *progress = fr_cli_progress(cli, e->work.run);
    FR_TRY(fr_index_open(index_path, &index, err));
    FR_TRY(fr_rag_dense_open(cli, &e->models, index_path, index, &e->dense, err));
    e->mode = e->models.mode != FR_MODE_NONE ? e->models.mode
              : e->dense != NULL             ? FR_MODE_HYBRID
                                             : FR_MODE_LEXICAL;
    double begin_s = fr_cpu_self_s();
    for (size_t i = 0; i < e->questions.n; i++) {
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu queries", i);
        if (!is_judged(&e->qrels, e->questions.at[i].id))
            continue;
        FR_TRY(rank_documents(e, index, &e->questions.at[i], &o, err));
        e->n_searched++;
        fr_progress_step(progress, "search", (double)i + 1, (double)e->questions.n, "queries",
                         NULL);
    }
    e->search_s = fr_cpu_self_s() - begin_s;
    fr_dense_free(e->dense); /* before the index that it borrows */
    e->dense = NULL;
    if (e->n_searched == 0)
        return fr_fail(err, FR_E_USAGE, "The ids of queries and judgements must be the same.",
                       "none of the queries is judged");
    return 0;
}

static int in_phase(fr_cli *cli, evaluation *e, const char *path, fr_err *err)
{
    FR_AUTOPTR(fr_index) probe = NULL;
    char *made = NULL;
    fr_phase *phase = NULL;
    int rc = 0;
    bool folder = fr_dir_exists(path) || strstr(path, ".jsonl") != NULL;
    if (folder) {
        const char *tmp = getenv("TMPDIR");
        made = fr_dup_f("%s/frugal-eval-%d.index", tmp != NULL ? tmp : "/tmp", (int)getpid());
        rc = fr_phase_begin(e->work.run, "index", path, &phase, err);
        if (rc == 0) {
            rc = index_folder(cli, path, made, err);
            if (rc == 0)
                rc = fr_rag_embed(cli, e->work.run, &e->models, made, NULL, err);
            int end_rc =
                fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
            rc = rc != 0 ? rc : end_rc;
        }
    }
    if (rc == 0)
        rc = fr_phase_begin(e->work.run, "search", path, &phase, err);
    if (rc == 0) {
        rc = search_all(cli, e, folder ? made : path, err);
        int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : end_rc;
    }
    if (made != NULL) {
        char *vectors = fr_dense_path(made);
        unlink(made);
        unlink(vectors);
        free(vectors);
    }
    free(made);
    return rc;
}

/* --- telling --------------------------------------------------------------------------------- */

static int put_scores(fr_cli *cli, const evaluation *e, fr_err *err)
{
    const fr_scores *s = &e->scores;
    if (!fr_cli_json(cli)) {
        char took[128];
        fr_rag_work_text(&e->work, took);
        printf("%zu queries, %zu with hits\nnDCG@10     %.4f\nMRR@10      %.4f\nMAP         %.4f\n",
               s->n_queries, s->n_found, s->ndcg_at_10, s->mrr_at_10, s->map);
        for (size_t i = 1; i < CUTS; i++)
            printf("recall@%-4zu %.4f\n", e->cuts[i], s->recall[i]);
        fr_cli_tell(cli, "%s", took);
        return 0;
    }
    json_t *o = json_object();
    json_object_set_new(o, "queries", json_integer((json_int_t)s->n_queries));
    json_object_set_new(o, "queries_with_hits", json_integer((json_int_t)s->n_found));
    json_object_set_new(o, "ndcg_at_10", json_real(s->ndcg_at_10));
    json_object_set_new(o, "mrr_at_10", json_real(s->mrr_at_10));
    json_object_set_new(o, "map", json_real(s->map));
    json_object_set_new(o, "k", json_integer((json_int_t)e->cuts[0]));
    json_object_set_new(o, "recall_at_k", json_real(s->recall[0]));
    for (size_t i = 0; i < CUTS; i++) {
        char key[40];
        snprintf(key, sizeof(key), "recall_at_%zu", e->cuts[i]);
        json_object_set_new(o, key, json_real(s->recall[i]));
    }
    json_object_set_new(o, "depth", json_integer((json_int_t)e->depth));
    json_object_set_new(o, "search_cpu_s_per_query",
                        e->n_searched > 0 ? fr_json_f64(e->search_s / (double)e->n_searched)
                                          : json_null());
    fr_rag_spent_json(e->mode, &e->spent, o);
    fr_rag_work_json(&e->work, o);
    return fr_rag_put_json(cli, o, err);
}

static int write_run(fr_cli *cli, evaluation *e, fr_err *err)
{
    const char *path = fr_arg_text(cli, "out", NULL);
    FR_AUTO(fr_buf) text = { 0 };
    if (path == NULL)
        return 0;
    fr_ranking_print(&e->run, "frugal", &text);
    return fr_file_write(path, fr_buf_str(&text), err);
}

/* Of the option, else below the folder. Owned. */
static char *file_of(fr_cli *cli, const char *option, const char *path, const char *below)
{
    const char *given = fr_arg_text(cli, option, NULL);
    if (given != NULL)
        return fr_dup(given);
    char *file = fr_path_join(path, below);
    if (fr_dir_exists(path) && fr_file_exists(file))
        return file;
    free(file);
    return NULL;
}

static int load(fr_cli *cli, evaluation *e, const char *path, fr_err *err)
{
    char *queries = file_of(cli, "queries", path, "queries.jsonl"),
         *qrels = file_of(cli, "qrels", path, "qrels/test.tsv");
    if (qrels == NULL)
        qrels = file_of(cli, "qrels", path, "qrels.tsv");
    const char *run = fr_arg_text(cli, "run", NULL);
    int rc = 0;
    if (qrels == NULL)
        rc = fr_fail(err, FR_E_USAGE, "Name judgements with --qrels FILE.",
                     "nothing says which documents are right");
    else if (run == NULL && queries == NULL)
        rc = fr_fail(err, FR_E_USAGE, "Name them with --queries FILE.", "there are no queries");
    if (rc == 0)
        rc = fr_qrels_load(qrels, &e->qrels, err);
    if (rc == 0 && run != NULL)
        rc = fr_ranking_load(run, &e->run, err);
    else if (rc == 0)
        rc = fr_questions_load(queries, &e->questions, err);
    free(queries);
    free(qrels);
    return rc;
}

static int evaluate(fr_cli *cli, fr_err *err)
{
    FR_AUTO(evaluation) e = { 0 };
    const char *path = NULL, *run = fr_arg_text(cli, "run", NULL);
    long long k = fr_arg_i64(cli, "cut", 10), depth = fr_arg_i64(cli, "depth", 100);
    if (run == NULL)
        FR_TRY(fr_arg_need(cli, 0, "an index, or a folder of documents", &path, err));
    if (fr_arg_flag(cli, "answers") && path != NULL)
        return fr_rag_answers(cli, path, err);
    if (k < 1 || k > 1 << 20 || depth < 1 || depth > 1 << 20)
        return fr_fail(err, FR_E_USAGE, NULL, "-k and --depth take 1 or more");
    e.depth = (size_t)FR_MAX(depth, k);
    size_t cuts[CUTS] = { (size_t)k, 1, 5, 10, 100 };
    memcpy(e.cuts, cuts, sizeof(cuts));
    FR_TRY(load(cli, &e, path != NULL ? path : ".", err));
    FR_TRY(fr_rag_work_begin(cli, "rag-eval", path != NULL ? path : run, &e.work, err));
    FR_TRY(fr_rag_models_given(cli, e.work.run, true, &e.models, err));
    if (run == NULL)
        FR_TRY(in_phase(cli, &e, path, err));
    fr_judge(&e.qrels, &e.run, e.cuts, CUTS, &e.scores);
    FR_TRY(write_run(cli, &e, err));
    fr_run_note(e.work.run, "quality", "ndcg_at_10", e.scores.ndcg_at_10, NULL, NULL);
    FR_TRY(fr_rag_work_end(&e.work, "done", err));
    return put_scores(cli, &e, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, evaluate(cli, &err), &err);
}

const fr_command FR_RAG_eval = {
    .name = "rag eval",
    .run = run,
    .options = OPTIONS,
    .arguments = "INDEX|FOLDER",
    .summary = "score retrieval against judgements, as trec_eval does",
    .examples = "frugal rag eval beir/  # corpus.jsonl, queries.jsonl, qrels/test.tsv\n"
                "frugal rag eval docs.index --queries q.jsonl --qrels qrels.tsv -k 20 --json\n"
                "frugal rag eval docs.index --queries q.jsonl --qrels q.qrels -o bm25.run\n"
                "frugal rag eval beir/ --embed minilm.gguf --mode hybrid  # words and meaning\n"
                "frugal rag eval docs.index --queries qa.jsonl --answers -m model.gguf\n"
                "frugal rag eval --run theirs.run --qrels q.qrels  # another system's ranking\n",
    .more =
        "Judgements are of documents; a document is as good as its best passage. Every judged\n"
        "query counts, also one without hits (trec_eval -c). nDCG takes grades as gains; equal\n"
        "scores are ordered by falling id, as in trec_eval. A FOLDER is indexed for the time\n"
        "of the evaluation.",
};
