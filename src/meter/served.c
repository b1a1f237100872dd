#include "meter/served.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "meter/prometheus_text.h"
#include "net/http.h"

#define TIMEOUT_S  2.0
#define PAGE_BYTES ((size_t)8 << 20)

/*
 * The names on the page of each engine. only_label: of series that several ranks tell again, the
 * one of rank 0 counts. all: how each of its names begins, where only that engine's do: a page
 * before the first request may have some of them and no tokens yet.
 */
typedef struct {
    const char *engine, *generated, *prompt, *running, *model_label, *only_label, *all;
} names;

static const names ENGINES[] = {
    /* docs.vllm.ai, "Production Metrics" */
    { "vllm", "vllm:generation_tokens_total", "vllm:prompt_tokens_total",
      "vllm:num_requests_running", "model_name", NULL, "vllm:" },
    /* docs.sglang.io, "Production Metrics" (--enable-metrics) */
    { "sglang", "sglang:generation_tokens_total", "sglang:prompt_tokens_total",
      "sglang:num_running_reqs", "model_name", "tp_rank", "sglang:" },
    /* huggingface.co/docs/text-generation-inference/reference/metrics: sums of histograms, which
     * grow when a request ends */
    { "tgi", "tgi_request_generated_tokens_sum", "tgi_request_input_length_sum",
      "tgi_batch_current_size", "model_id", NULL, "tgi_" },
    /* github.com/ggml-org/llama.cpp, tools/server/README.md (--metrics): grows when a request ends;
     * one model a server */
    { "llama-server", "llamacpp:tokens_predicted_total", "llamacpp:prompt_tokens_total",
      "llamacpp:requests_processing", "model", NULL, "llamacpp:" },
    /* github.com/NorskHelsenett/ollama-metrics, a proxy in front of Ollama */
    { "ollama", "ollama_generated_tokens_total", "ollama_prompt_tokens_total", "ollama_queue_depth",
      "model", NULL, NULL },
    /* github.com/ollama/ollama pull request 11159, not in a release */
    { "ollama", "ollama_eval_total", "ollama_prompt_eval_total", "ollama_requests_running", "model",
      NULL, NULL },
};

struct fr_served {
    char *url, *where;
    fr_http_client *client;
};

static const names *engine_of(fr_str text)
{
    fr_prometheus_text in = { .rest = text };
    fr_prometheus_sample s;
    const names *by_all = NULL;
    while (fr_prometheus_next(&in, &s)) {
        for (size_t i = 0; i < FR_COUNT_OF(ENGINES); i++) {
            const names *of = &ENGINES[i];
            if (fr_str_is(s.name, of->generated))
                return of;
            if (by_all == NULL && of->all != NULL && fr_str_starts(s.name, fr_str_of(of->all)))
                by_all = of;
        }
    }
    return by_all;
}

static fr_served_model *model_of(fr_served_counts *counts, const char *name)
{
    for (size_t i = 0; i < counts->n_models; i++) {
        if (strcmp(counts->models[i].model, name) == 0)
            return &counts->models[i];
    }
    if (counts->n_models == FR_SERVED_MODELS)
        return &counts->models[FR_SERVED_MODELS - 1];
    fr_served_model *m = &counts->models[counts->n_models++];
    *m = (fr_served_model){ .running = NAN };
    snprintf(m->model, sizeof m->model, "%s", name);
    return m;
}

static void take_sample(const names *of, const fr_prometheus_sample *s, fr_served_counts *out)
{
    char model[sizeof out->models[0].model] = "", rank[8];
    bool generated = fr_str_is(s->name, of->generated), prompt = fr_str_is(s->name, of->prompt);
    bool running = fr_str_is(s->name, of->running);
    if ((!generated && !prompt && !running) || !isfinite(s->value) || s->value < 0)
        return;
    if (of->only_label != NULL &&
        fr_prometheus_label(s->labels, of->only_label, rank, sizeof rank) && strcmp(rank, "0") != 0)
        return;
    fr_prometheus_label(s->labels, of->model_label, model, sizeof model);
    fr_served_model *m = model_of(out, model);
    if (generated)
        m->generated_tokens += s->value;
    else if (prompt)
        m->prompt_tokens += s->value;
    else
        m->running = (isnan(m->running) ? 0 : m->running) + s->value;
}

int fr_served_parse(fr_str text, const char *where, fr_served_counts *out, fr_err *err)
{
    *out = (fr_served_counts){ 0 };
    const names *of = engine_of(text);
    if (of == NULL)
        return fr_fail(
            err, FR_E_FORMAT,
            "It should be the metrics of vLLM, SGLang (--enable-metrics), TGI, llama-server "
            "(--metrics), or of a metrics proxy before Ollama.",
            "%s counts no tokens of an engine that is known", where);
    out->engine = of->engine;
    fr_prometheus_text in = { .rest = text };
    fr_prometheus_sample s;
    while (fr_prometheus_next(&in, &s))
        take_sample(of, &s, out);
    return 0;
}

int fr_served_open(const char *url, fr_served **out, fr_err *err)
{
    const char *host = strstr(url, "://");
    *out = NULL;
    if (host == NULL || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0))
        return fr_fail(err, FR_E_USAGE, "As http://localhost:8000/metrics.",
                       "'%s' is not the address of an engine", url);
    const char *path = strchr(host + 3, '/');
    fr_served *e = FR_NEW(fr_served);
    if (path == NULL || path[1] == '\0')
        e->url = fr_dup_f("%.*s/metrics", path != NULL ? (int)(path - url) : (int)strlen(url), url);
    else
        e->url = fr_dup(url);
    FR_AUTO(fr_buf) bare = { 0 };
    fr_url_bare(e->url, &bare);
    e->where = fr_dup(fr_buf_text(&bare));
    int rc = fr_http_client_new(&e->client, err);
    if (rc != 0) {
        fr_served_close(e);
        return rc;
    }
    *out = e;
    return 0;
}

int fr_served_read(fr_served *e, fr_served_counts *out, fr_err *err)
{
    FR_AUTO(fr_http_response) got = { 0 };
    fr_http_request ask = {
        .url = e->url, .timeout_s = TIMEOUT_S, .limit_bytes = PAGE_BYTES, .client = e->client
    };
    FR_TRY(fr_http(&ask, &got, err));
    if (got.status != 200)
        return fr_fail(err, FR_E_NETWORK, NULL, "%s answered %d", e->where, got.status);
    return fr_served_parse(fr_buf_str(&got.body), e->where, out, err);
}

const char *fr_served_where(const fr_served *e)
{
    return e->where;
}

void fr_served_close(fr_served *e)
{
    if (e == NULL)
        return;
    fr_http_client_free(e->client);
    free(e->url);
    free(e->where);
    free(e);
}
