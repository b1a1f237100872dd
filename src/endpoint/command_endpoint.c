/* A program of the user: JSON Lines in, JSON Lines out, one process for all of an ask. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "endpoint/endpoint_priv.h"

typedef struct {
    fr_endpoint base;
    char *cwd;
    double timeout_s;
} command_endpoint;

/* Takes row. */
static void put_line(fr_buf *in, json_t *row)
{
    char *line = json_dumps(row, JSON_COMPACT);
    fr_buf_put_s(in, line);
    fr_buf_put_c(in, '\n');
    free(line);
    json_decref(row);
}

static void put_ask(fr_buf *in, const fr_ask *ask)
{
    json_t *row = json_object();
    json_put_text(row, "prompt", ask->prompt);
    json_put_sampling(row, &ask->sampling);
    put_line(in, row);
}

/* What takes line `at` of the answers; false: it is none. */
typedef bool (*take_fn)(void *into, size_t at, const json_t *row);

typedef struct {
    fr_answer *answers;
    double duration_s; /* of each */
} asked;

static bool take_answer(void *into, size_t at, const json_t *row)
{
    const asked *a = into;
    const json_t *text = json_object_get(row, "text");
    if (!json_is_string(text))
        return false;
    a->answers[at] = (fr_answer){ .text = fr_dup(json_string_value(text)),
                                  .prompt_tokens = json_tokens(row, "prompt_tokens"),
                                  .completion_tokens = json_tokens(row, "completion_tokens"),
                                  .finish_reason = "stop",
                                  .duration_s = a->duration_s };
    return true;
}

static bool take_embedding(void *into, size_t at, const json_t *row)
{
    fr_embeddings *out = into;
    out->tokens += json_tokens(row, "tokens");
    return json_read_row(json_object_get(row, "embedding"), out, at);
}

static bool take_score(void *into, size_t at, const json_t *row)
{
    const json_t *score = json_object_get(row, "score");
    ((double *)into)[at] = json_number_value(score);
    return json_is_number(score);
}

static int read_lines(const command_endpoint *e, fr_str out, size_t n, const char *form,
                      take_fn take, void *into, fr_err *err)
{
    char hint[160];
    snprintf(hint, sizeof(hint),
             "It must write one line for each line it reads: %s, in the same order.", form);
    size_t got = 0, line_no = 0;
    fr_str line;
    while (fr_str_next(&out, '\n', &line)) {
        line_no++;
        line = fr_str_trim(line);
        if (line.n == 0)
            continue;
        if (got == n)
            return fr_fail(err, FR_E_CHILD, hint, "'%s' wrote more than %zu answers (line %zu)",
                           e->base.name, n, line_no);
        json_t *row = json_loadb(line.at, line.n, 0, NULL);
        bool fine = take(into, got, row);
        json_decref(row);
        if (!fine)
            return fr_fail(err, FR_E_CHILD, hint, "line %zu of '%s' is no answer: %.*s", line_no,
                           e->base.name, (int)FR_MIN(line.n, 80), line.at);
        got++;
    }
    if (got < n)
        return fr_fail(err, FR_E_CHILD, hint, "'%s' wrote %zu answers to %zu prompts", e->base.name,
                       got, n);
    return 0;
}

/* One process for all lines; what it writes stays in done-> */
static int run_lines(const command_endpoint *e, const fr_buf *in, const fr_progress *progress,
                     fr_proc_result *done, double *duration_s, fr_err *err)
{
    double begin_s = (double)fr_now_monotonic_ns() * 1e-9;
    FR_TRY(fr_proc_run(&(fr_proc_options){ .shell = e->base.name,
                                           .cwd = e->cwd,
                                           .input = fr_buf_str(in),
                                           .timeout_s = e->timeout_s,
                                           .progress = progress },
                       done, err));
    *duration_s = (double)fr_now_monotonic_ns() * 1e-9 - begin_s;
    if (done->exit_code != 0) {
        fr_str said = fr_str_trim(fr_buf_str(&done->err_tail));
        size_t kept = FR_MIN(said.n, (size_t)200); /* the end of it says most */
        const char *how = done->exit_code < 0 ? "was ended by signal" : "ended with status";
        return fr_fail(err, FR_E_CHILD, "Run it by hand on one line to see why.",
                       "'%s' %s %d%s%.*s", e->base.name, how,
                       done->exit_code < 0 ? done->signal : done->exit_code, kept > 0 ? ": " : "",
                       (int)kept, said.at + said.n - kept);
    }
    return 0;
}

static int command_ask(fr_endpoint *base, const fr_ask *asks, size_t n, fr_answer *answers,
                       const fr_progress *progress, fr_err *err)
{
    command_endpoint *e = (command_endpoint *)base;
    FR_AUTO(fr_buf) in = { 0 };
    FR_AUTO(fr_proc_result) done = { 0 };
    double duration_s;
    for (size_t i = 0; i < n; i++)
        put_ask(&in, &asks[i]);
    FR_TRY(run_lines(e, &in, progress, &done, &duration_s, err));
    asked into = { answers, duration_s / (double)n };
    return read_lines(e, fr_buf_str(&done.out), n, "{\"text\": \"…\"}", take_answer, &into, err);
}

static int command_embed(fr_endpoint *base, const fr_str *texts, size_t n, fr_embeddings *out,
                         const fr_progress *progress, fr_err *err)
{
    command_endpoint *e = (command_endpoint *)base;
    FR_AUTO(fr_buf) in = { 0 };
    FR_AUTO(fr_proc_result) done = { 0 };
    double duration_s;
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_object();
        json_put_text(row, "input", texts[i]);
        put_line(&in, row);
    }
    FR_TRY(run_lines(e, &in, progress, &done, &duration_s, err));
    return read_lines(e, fr_buf_str(&done.out), n, "{\"embedding\": [numbers]}", take_embedding,
                      out, err);
}

static int command_rank(fr_endpoint *base, fr_str query, const fr_str *passages, size_t n,
                        double *scores, const fr_progress *progress, fr_err *err)
{
    command_endpoint *e = (command_endpoint *)base;
    FR_AUTO(fr_buf) in = { 0 };
    FR_AUTO(fr_proc_result) done = { 0 };
    double duration_s;
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_object();
        json_put_text(row, "query", query);
        json_put_text(row, "passage", passages[i]);
        put_line(&in, row);
    }
    FR_TRY(run_lines(e, &in, progress, &done, &duration_s, err));
    return read_lines(e, fr_buf_str(&done.out), n, "{\"score\": number}", take_score, scores, err);
}

static void command_free(fr_endpoint *base)
{
    free(((command_endpoint *)base)->cwd);
}

int fr_endpoint_command(const char *shell, const char *cwd, double timeout_s, fr_endpoint **out,
                        fr_err *err)
{
    static const endpoint_kind KIND = { .local = true,
                                        .ask = command_ask,
                                        .embed = command_embed,
                                        .rank = command_rank,
                                        .free = command_free };
    *out = NULL;
    if (shell == NULL || fr_str_trim(fr_str_of(shell)).n == 0)
        return fr_fail(err, FR_E_USAGE, NULL, "an answering command is empty");
    command_endpoint *e = FR_NEW(command_endpoint);
    e->base = (fr_endpoint){ .kind = &KIND, .name = fr_dup(shell) };
    e->cwd = fr_dup(cwd);
    e->timeout_s = timeout_s;
    *out = &e->base;
    return 0;
}
