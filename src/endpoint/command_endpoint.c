/* A program of the user: JSON Lines in, JSON Lines out, one process for all of an ask. */
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

static void put_ask(fr_buf *in, const fr_ask *ask)
{
    json_t *row = json_object();
    json_put_text(row, "prompt", ask->prompt);
    json_put_sampling(row, &ask->sampling);
    char *line = json_dumps(row, JSON_COMPACT);
    fr_buf_put_s(in, line);
    fr_buf_put_c(in, '\n');
    free(line);
    json_decref(row);
}

static bool read_answer(fr_str line, double duration_s, fr_answer *a)
{
    json_t *row = json_loadb(line.at, line.n, 0, NULL);
    const json_t *text = json_object_get(row, "text");
    bool fine = json_is_string(text);
    if (fine)
        *a = (fr_answer){ .text = fr_dup(json_string_value(text)),
                          .prompt_tokens = json_tokens(row, "prompt_tokens"),
                          .completion_tokens = json_tokens(row, "completion_tokens"),
                          .finish_reason = "stop",
                          .duration_s = duration_s };
    json_decref(row);
    return fine;
}

static int read_answers(const command_endpoint *e, fr_str out, size_t n, double duration_s,
                        fr_answer *answers, fr_err *err)
{
    static const char HINT[] =
        "It must write one line for each line it reads: {\"text\": \"…\"}, in the same order.";
    size_t got = 0, line_no = 0;
    fr_str line;
    while (fr_str_next(&out, '\n', &line)) {
        line_no++;
        line = fr_str_trim(line);
        if (line.n == 0)
            continue;
        if (got == n)
            return fr_fail(err, FR_E_CHILD, HINT, "'%s' wrote more than %zu answers (line %zu)",
                           e->base.name, n, line_no);
        if (!read_answer(line, duration_s / (double)n, &answers[got]))
            return fr_fail(err, FR_E_CHILD, HINT, "line %zu of '%s' is no answer: %.*s", line_no,
                           e->base.name, (int)FR_MIN(line.n, 80), line.at);
        got++;
    }
    if (got < n)
        return fr_fail(err, FR_E_CHILD, HINT, "'%s' wrote %zu answers to %zu prompts", e->base.name,
                       got, n);
    return 0;
}

static int command_ask(fr_endpoint *base, const fr_ask *asks, size_t n, fr_answer *answers,
                       const fr_progress *progress, fr_err *err)
{
    command_endpoint *e = (command_endpoint *)base;
    FR_AUTO(fr_buf) in = { 0 };
    for (size_t i = 0; i < n; i++)
        put_ask(&in, &asks[i]);
    FR_AUTO(fr_proc_result) done = { 0 };
    double begin_s = (double)fr_now_monotonic_ns() * 1e-9;
    FR_TRY(fr_proc_run(&(fr_proc_options){ .shell = e->base.name,
                                           .cwd = e->cwd,
                                           .input = fr_buf_str(&in),
                                           .timeout_s = e->timeout_s,
                                           .progress = progress },
                       &done, err));
    double duration_s = (double)fr_now_monotonic_ns() * 1e-9 - begin_s;
    if (done.exit_code != 0) {
        fr_str said = fr_str_trim(fr_buf_str(&done.err_tail));
        size_t kept = FR_MIN(said.n, (size_t)200); /* the end of it says most */
        const char *how = done.exit_code < 0 ? "was ended by signal" : "ended with status";
        return fr_fail(err, FR_E_CHILD, "Run it by hand on one line to see why.",
                       "'%s' %s %d%s%.*s", e->base.name, how,
                       done.exit_code < 0 ? done.signal : done.exit_code, kept > 0 ? ": " : "",
                       (int)kept, said.at + said.n - kept);
    }
    return read_answers(e, fr_buf_str(&done.out), n, duration_s, answers, err);
}

static void command_free(fr_endpoint *base)
{
    free(((command_endpoint *)base)->cwd);
}

int fr_endpoint_command(const char *shell, const char *cwd, double timeout_s, fr_endpoint **out,
                        fr_err *err)
{
    static const endpoint_kind KIND = { .local = true, .ask = command_ask, .free = command_free };
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
