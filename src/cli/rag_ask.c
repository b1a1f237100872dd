/* frugal rag ask: a question answered from documents, with the passages it is from. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/model_work.h"
#include "cli/rag_answering.h"

static const fr_option OPTIONS[] = {
    FR_OPTIONS_RAG_ANSWERING,
    { "threads", 't', FR_OPTION_I64, "N", "processor threads (default: all)" },
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

static json_t *citation(const fr_answered *a, size_t i)
{
    size_t number = a->cited[i];
    json_t *o = fr_rag_hit_json(&a->hits.at[number - 1]);
    json_object_set_new(o, "n", json_integer((json_int_t)number));
    return o;
}

static int put(fr_cli *cli, const char *question, const fr_answering *by, const fr_answered *a,
               const fr_rag_work *work, fr_err *err)
{
    if (!fr_cli_json(cli)) {
        char took[128];
        fr_rag_work_text(work, took);
        puts(a->text);
        for (size_t i = 0; i < a->n_cited; i++) {
            const fr_hit *h = &a->hits.at[a->cited[i] - 1];
            printf("[%zu] %s, bytes %zu to %zu%s%s\n", a->cited[i], h->source, h->start, h->end,
                   h->title[0] != '\0' ? ": " : "", h->title);
        }
        fr_cli_tell(cli, "support %.2f; %s", a->support, took);
        return fflush(stdout) == 0 ? 0 : fr_fail_errno(err, NULL, "cannot write the output");
    }
    json_t *o = json_object(), *cited = json_array(), *hits = json_array();
    for (size_t i = 0; i < a->n_cited; i++)
        json_array_append_new(cited, citation(a, i));
    for (size_t i = 0; i < a->hits.n; i++)
        json_array_append_new(hits, fr_rag_hit_json(&a->hits.at[i]));
    json_object_set_new(o, "question", json_string(question));
    json_object_set_new(o, "answer", fr_json_bytes(fr_str_of(a->text)));
    json_object_set_new(o, "answered", json_boolean(a->answered));
    json_object_set_new(o, "support_ratio", fr_json_f64(a->support));
    json_object_set_new(o, "citations", cited);
    json_object_set_new(o, "hits", hits);
    json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)by->prompt_tokens));
    json_object_set_new(o, "completion_tokens", json_integer((json_int_t)by->completion_tokens));
    fr_json_put_energy(o, "search_j", by->search);
    fr_json_put_energy(o, "generate_j", by->generate);
    fr_rag_work_json(work, o);
    return fr_rag_put_json(cli, o, err);
}

static int ask(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_rag_work) work = { 0 };
    FR_AUTO(fr_answering) by = { 0 }; /* closed before the run that it tells of its work */
    FR_AUTO(fr_answered) answer = { 0 };
    const char *path = NULL, *question = NULL;
    FR_TRY(fr_arg_need(cli, 0, "an index", &path, err));
    FR_TRY(fr_arg_need(cli, 1, "a question", &question, err));
    FR_TRY(fr_rag_work_begin(cli, "rag-ask", path, &work, err));
    FR_TRY(fr_answering_begin(cli, path, work.run, &by, err));
    FR_TRY(fr_answering_ask(&by, fr_str_of(question), &answer, err));
    if (by.engine != NULL)
        fr_engine_listen(by.engine, (fr_work_sink){ 0 });
    FR_TRY(fr_rag_work_end(&work, "done", err));
    return put(cli, question, &by, &answer, &work, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, ask(cli, &err), &err);
}

const fr_command FR_RAG_ask = {
    .name = "rag ask",
    .run = run,
    .options = OPTIONS,
    .arguments = "INDEX QUESTION",
    .summary = "answer a question from documents, with citations",
    .examples =
        "frugal rag ask docs.index \"when was Otter Bridge built?\"  # no model: a passage's "
        "words\n"
        "frugal rag ask docs.index \"who built it?\" -m model.gguf --passages 5\n"
        "frugal rag ask docs.index \"who?\" --endpoint http://localhost:8000/v1 --name llama\n",
    .more = "A question of which no passage speaks is answered \"not in the documents\", and no\n"
            "model is asked. Without a model the answer is the part of a sentence that fits best.\n"
            "[1] is the passage an answer names; its document and bytes stand below.",
};
