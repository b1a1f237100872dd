#include "cli/rag_answering.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "classic/classic.h"

static int open_model(fr_cli *cli, fr_answering *a, fr_err *err)
{
    const char *model = fr_arg_text(cli, "model", NULL),
               *address = fr_arg_text(cli, "endpoint", NULL);
    if (model != NULL && address != NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "both --model and --endpoint say what answers");
    if (address != NULL)
        return fr_endpoint_connect(address, fr_arg_text(cli, "name", NULL), ".", &a->endpoint, err);
    if (model == NULL)
        return 0;
    fr_phase *load = NULL;
    FR_TRY(fr_phase_begin(a->run, "load", model, &load, err));
    fr_engine_options o = { .threads = (int)FR_MIN(fr_arg_i64(cli, "threads", 0), 1024),
                            .max_batch = 1,
                            .work = fr_run_work(a->run) };
    int rc = fr_engine_open(model, &o, &a->engine, err);
    if (rc == 0)
        rc = fr_endpoint_engine(a->engine, NULL, &a->endpoint, err);
    int end_rc = fr_phase_end(load, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
    return rc != 0 ? rc : end_rc;
}

int fr_answering_begin(fr_cli *cli, const char *index, fr_run *run, fr_answering *a, fr_err *err)
{
    long long passages = fr_arg_i64(cli, "passages", 3), tokens = fr_arg_i64(cli, "tokens", 64);
    *a = (fr_answering){ .cli = cli,
                         .run = run,
                         .enough = fr_arg_f64(cli, "support", FR_SUPPORT_ENOUGH) };
    if (passages < 1 || passages > FR_RAG_PASSAGES_MOST)
        return fr_fail(err, FR_E_USAGE, NULL, "--passages takes 1 to %d, not %lld",
                       FR_RAG_PASSAGES_MOST, passages);
    if (tokens < 1 || tokens > 1 << 20)
        return fr_fail(err, FR_E_USAGE, NULL, "--tokens takes 1 or more, not %lld", tokens);
    if (!(a->enough >= 0 && a->enough <= 1))
        return fr_fail(err, FR_E_USAGE, NULL, "--support takes 0 to 1, not %g", a->enough);
    a->n_passages = (size_t)passages;
    a->n_tokens = (size_t)tokens;
    FR_TRY(fr_index_open(index, &a->index, err));
    return open_model(cli, a, err);
}

void fr_answering_fini(fr_answering *a)
{
    if (a->engine != NULL)
        fr_engine_listen(a->engine, (fr_work_sink){ 0 });
    fr_endpoint_free(a->endpoint);
    fr_engine_free(a->engine);
    fr_index_free(a->index);
    *a = (fr_answering){ 0 };
}

void fr_answered_fini(fr_answered *a)
{
    free(a->text);
    fr_hits_fini(&a->hits);
    *a = (fr_answered){ 0 };
}

static void add(fr_energy *sum, double *cpu_s, const fr_used *used)
{
    *sum = sum->method == FR_METHOD_NONE ? used->total : fr_energy_add(*sum, used->total);
    *cpu_s += used->cpu_s;
}

static int search(fr_answering *a, fr_str question, fr_answered *out, fr_err *err)
{
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    FR_TRY(fr_phase_begin(a->run, "search", NULL, &phase, err));
    int rc = fr_index_search(a->index, question, a->n_passages, &out->hits, err);
    if (rc == 0)
        out->support = fr_index_support(a->index, question, &out->hits);
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : NULL);
    add(&a->search, &a->search_cpu_s, &used);
    return rc != 0 ? rc : end_rc;
}

/* The words of the passages that answer best; what they stand in is cited. */
static void extract(fr_answering *a, fr_str question, fr_answered *out)
{
    fr_str passages[FR_RAG_PASSAGES_MOST];
    FR_AUTO(fr_buf) text = { 0 };
    for (size_t i = 0; i < out->hits.n; i++)
        passages[i] = fr_str_of(out->hits.at[i].text);
    fr_extract_answer(NULL, question, passages, out->hits.n, fr_index_idf, a->index, &text);
    size_t in = fr_passage_with(&out->hits, fr_buf_str(&text));
    if (in < out->hits.n)
        out->cited[out->n_cited++] = in + 1;
    out->answered = text.n > 0;
    out->text = fr_buf_take(&text);
}

static int generate(fr_answering *a, fr_str question, fr_answered *out, fr_err *err)
{
    FR_AUTO(fr_buf) prompt = { 0 };
    static const char *const STOPS[] = { "\n\n", "\nQuestion:" };
    fr_answer answer = { 0 };
    fr_ask_prompt(question, &out->hits, a->n_passages, &prompt);
    fr_ask ask = { .prompt = fr_buf_str(&prompt),
                   .sampling = {
                       .max_tokens = a->n_tokens, .stop = STOPS, .n_stop = FR_COUNT_OF(STOPS) } };
    FR_TRY(fr_endpoint_ask(a->endpoint, &ask, 1, &answer, fr_cli_progress(a->cli, a->run), err));
    a->prompt_tokens += answer.prompt_tokens;
    a->completion_tokens += answer.completion_tokens;
    out->text = fr_str_dup(fr_str_trim(fr_str_of(answer.text)));
    size_t at;
    out->answered = out->text[0] != '\0' &&
                    !fr_str_find(fr_str_of(out->text), FR_STR(FR_NOT_IN_DOCUMENTS), &at);
    fr_citations_of(fr_str_of(out->text), FR_MIN(a->n_passages, out->hits.n), out->cited,
                    &out->n_cited);
    fr_answer_fini(&answer);
    return 0;
}

int fr_answering_ask(fr_answering *a, fr_str question, fr_answered *out, fr_err *err)
{
    *out = (fr_answered){ 0 };
    FR_TRY(search(a, question, out, err));
    if (out->hits.n == 0 || out->support < a->enough) {
        out->text = fr_dup(FR_NOT_IN_DOCUMENTS); /* no model is asked */
        return 0;
    }
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    FR_TRY(fr_phase_begin(a->run, "generate", NULL, &phase, err));
    int rc = 0;
    if (a->endpoint == NULL)
        extract(a, question, out);
    else
        rc = generate(a, question, out, err);
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : NULL);
    add(&a->generate, &a->generate_cpu_s, &used);
    return rc != 0 ? rc : end_rc;
}
