/* frugal rag query: the passages that a text asks for. */
#include <stdlib.h>

#include "base/mem.h"
#include "cli/rag_given.h"

static const fr_option OPTIONS[] = {
    { "hits", 'k', FR_OPTION_I64, "N", "at most N passages (default 5)" },
    { "filter", 0, FR_OPTION_LIST, "KEY=VALUE",
      "only documents whose metadata says so; source=ID too; several" },
    { "variety", 0, FR_OPTION_F64, "X", "0 to 1: rather passages unlike each other (MMR)" },
    { "plain", 0, FR_OPTION_FLAG, NULL, "BM25 alone, without the second look at the best 50" },
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

static void show(const fr_hits *hits)
{
    for (size_t i = 0; i < hits->n; i++) {
        const fr_hit *h = &hits->at[i];
        printf("%s%zu. %s  %.2f%s%s\n%s\n", i > 0 ? "\n" : "", i + 1, h->id, h->score,
               h->title[0] != '\0' ? "  " : "", h->title, h->text);
    }
}

static int put(fr_cli *cli, const char *text, size_t k, const fr_hits *hits,
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
    fr_rag_work_json(work, o);
    return fr_rag_put_json(cli, o, err);
}

static int query(fr_cli *cli, fr_filter **filters, fr_err *err)
{
    FR_AUTO(fr_rag_work) work = { 0 };
    FR_AUTOPTR(fr_index) index = NULL;
    FR_AUTO(fr_ranked) list = { 0 };
    FR_AUTO(fr_hits) hits = { 0 };
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
    FR_TRY(fr_rag_work_begin(cli, "rag-query", path, &work, err));
    FR_TRY(fr_index_open(path, &index, err));
    FR_TRY(fr_index_rank(index, fr_str_of(text), (size_t)k, &o, &list, err));
    FR_TRY(fr_index_read(index, &list, &hits, err));
    FR_TRY(fr_rag_work_end(&work, "done", err));
    return put(cli, text, (size_t)k, &hits, &work, err);
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
    .arguments = "INDEX TEXT",
    .summary = "find the passages that a text asks for",
    .examples =
        "frugal rag query docs.index \"when was Otter Bridge built?\"\n"
        "frugal rag query docs.index brücke -k 20 --filter lang=de --filter lang=fr --json\n",
    .more = "TEXT is text: no sign in it has a meaning. Filters of one key: any of them; of\n"
            "several keys: all. Each passage names its document, its headings and its bytes there.",
};
