/* frugal rag query: the passages that a text asks for. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/rag_dense.h"
#include "rag/retriever.h"

static const fr_option OPTIONS[] = {
    { "hits", 'k', FR_OPTION_I64, "N", "at most N passages (default 5)" },
    { "filter", 0, FR_OPTION_LIST, "KEY=VALUE",
      "only documents whose metadata says so; source=ID too; several" },
    { "variety", 0, FR_OPTION_F64, "X", "0 to 1: rather passages unlike each other (MMR)" },
    { "plain", 0, FR_OPTION_FLAG, NULL, "BM25 alone, without the second look at the best 50" },
    FR_OPTIONS_RAG_EMBED,
    FR_OPTIONS_RAG_SEARCH,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

/* What was asked, and what it cost by part. */
typedef struct {
    fr_mode mode;
    fr_retrieve_spent spent;
} asked;

static void show(const fr_hits *hits)
{
    for (size_t i = 0; i < hits->n; i++) {
        const fr_hit *h = &hits->at[i];
        bool small = h->score > -0.1 && h->score < 0.1; /* sums of reciprocal ranks */
        printf("%s%zu. %s  %.*f%s%s\n%s\n", i > 0 ? "\n" : "", i + 1, h->id, small ? 4 : 2,
               h->score, h->title != NULL && h->title[0] != '\0' ? "  " : "",
               h->title != NULL ? h->title : "", h->text);
    }
}

static int put(fr_cli *cli, const char *text, size_t k, const fr_hits *hits, const asked *a,
               const fr_rag_work *work, fr_err *err)
{
    if (!fr_cli_json(cli)) {
        char took[128];
        fr_rag_work_text(work, took);
        show(hits);
        fr_cli_tell(cli, "%zu passages; %s", hits->n, took);
        return fflush(stdout) == 0 ? 0 : fr_fail_errno(err, NULL, "cannot write the output");
    }
    json_t *o = json_object(), *all = json_array();
    for (size_t i = 0; i < hits->n; i++)
        json_array_append_new(all, fr_rag_hit_json(&hits->at[i]));
    json_object_set_new(o, "query", json_string(text));
    json_object_set_new(o, "k", json_integer((json_int_t)k));
    json_object_set_new(o, "hits", all);
    fr_rag_spent_json(a->mode, &a->spent, o);
    fr_rag_work_json(work, o);
    return fr_rag_put_json(cli, o, err);
}

/* An index of this machine: by words alone as `o` says, or through the models. */
static int search_file(fr_cli *cli, const char *path, fr_str text, size_t k,
                       const fr_search_options *o, fr_rag_models *m, fr_hits *hits, asked *a,
                       fr_err *err)
{
    FR_AUTOPTR(fr_index) index = NULL;
    FR_AUTOPTR(fr_dense) dense = NULL;
    FR_AUTO(fr_ranked) list = { 0 };
    FR_TRY(fr_index_open(path, &index, err));
    FR_TRY(fr_rag_dense_open(cli, m, path, index, &dense, err));
    a->mode = m->mode != FR_MODE_NONE ? m->mode : dense != NULL ? FR_MODE_HYBRID : FR_MODE_LEXICAL;
    if (dense == NULL && m->rerank == NULL) {
        double begin_s = fr_cpu_self_s();
        FR_TRY(fr_index_rank(index, text, k, o, &list, err));
        FR_TRY(fr_index_read(index, &list, hits, err));
        a->spent.search_cpu_s = fr_cpu_self_s() - begin_s;
        return 0;
    }
    return fr_retrieve(index, dense, text,
                       &(fr_retrieve_options){ .mode = a->mode,
                                               .k = k,
                                               .reranker = m->rerank,
                                               .rerank_n = m->rerank_n,
                                               .variety = o->variety,
                                               .filters = o->filters,
                                               .n_filters = o->n_filters },
                       hits, &a->spent, err);
}

static int query(fr_cli *cli, fr_filter **filters, fr_err *err)
{
    FR_AUTO(fr_rag_work) work = { 0 };
    FR_AUTO(fr_rag_models) models = { 0 };
    FR_AUTO(fr_hits) hits = { 0 };
    asked a = { 0 };
    const char *path = NULL, *text = NULL;
    fr_search_options o = { .second_look = fr_arg_flag(cli, "plain") ? -1 : 0,
                            .variety = fr_arg_f64(cli, "variety", 0) };
    long long k = fr_arg_i64(cli, "hits", 5);
    FR_TRY(fr_arg_need(cli, 0, "an index", &path, err));
    FR_TRY(fr_arg_need(cli, 1, "what is asked for", &text, err));
    if (k < 1 || k > 1 << 24)
        return fr_fail(err, FR_E_USAGE, NULL, "-k takes 1 or more, not %lld", k);
    if (!(o.variety >= 0 && o.variety <= 1))
        return fr_fail(err, FR_E_USAGE, NULL, "--variety takes 0 to 1, not %g", o.variety);
    FR_TRY(fr_rag_filters_given(cli, filters, &o.n_filters, err));
    o.filters = *filters;
    bool store = fr_retriever_is_store(path);
    FR_TRY(fr_rag_work_begin(cli, "rag-query", store ? "shared store" : path, &work, err));
    FR_TRY(fr_rag_models_given(cli, work.run, true, &models, err));
    if (store)
        FR_TRY(fr_rag_store_search(cli, &models, path, fr_str_of(text), (size_t)k, o.filters,
                                   o.n_filters, &hits, err));
    else
        FR_TRY(search_file(cli, path, fr_str_of(text), (size_t)k, &o, &models, &hits, &a, err));
    FR_TRY(fr_rag_work_end(&work, "done", err));
    return put(cli, text, (size_t)k, &hits, &a, &work, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    fr_filter *filters = NULL;
    int rc = query(cli, &filters, &err);
    free(filters);
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_RAG_query = {
    .name = "rag query",
    .run = run,
    .options = OPTIONS,
    .arguments = "INDEX|STORE TEXT",
    .summary = "find the passages that a text asks for",
    .examples =
        "frugal rag query docs.index \"when was Otter Bridge built?\"\n"
        "frugal rag query docs.index brücke -k 20 --filter lang=de --filter lang=fr --json\n"
        "frugal rag query docs.index \"who built it?\" --embed minilm.gguf --rerank ranker.gguf\n"
        "frugal rag query opensearch+https://search.example.org/handbook \"who built it?\"\n"
        "frugal rag query postgresql://reader@db/facts oak  # kendra:REGION/INDEX_ID likewise\n",
    .more =
        "TEXT is text: no sign in it has a meaning. Filters of one key: any of them; of\n"
        "several keys: all. Each passage names its document, its headings and its bytes there.\n"
        "With --embed, words and meaning are fused by rank (reciprocal rank fusion).",
};
