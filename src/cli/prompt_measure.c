/* Prompts tried on rows of data with our own engine. */
#include "cli/prompt_measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "endpoint/endpoint.h"
#include "prompt/prompt.h"

enum { DEFAULT_ROWS = 100, DEFAULT_TOKENS = 32 };
#define MOST_DATA_BYTES ((size_t)256 << 20)

static const char *const OUTPUTS[] = { "output", "answer", "label", "completion", "response" };
static const char *const INPUTS[] = { "input", "text", "question", "query", "sentence", "prompt" };

static const char *first_text(const json_t *o, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (json_is_string(json_object_get(o, keys[i])))
            return json_string_value(json_object_get(o, keys[i]));
    return NULL;
}

/* The one variable that a row does not name: it is given the row's input. */
static void fill_input(const fr_prompt_file *p, json_t *vars)
{
    json_t *names = fr_prompt_file_names(p), *one;
    const char *missing = NULL, *input = first_text(vars, INPUTS, FR_COUNT_OF(INPUTS));
    size_t n = 0, i;
    json_array_foreach(names, i, one)
    {
        if (json_object_get(vars, json_string_value(one)) != NULL)
            continue;
        missing = json_string_value(one);
        n++;
    }
    if (n == 1 && input != NULL)
        json_object_set_new(vars, missing, json_string(input));
    json_decref(names);
}

static int read_row(fr_cli *cli, const fr_prompt_file *p, fr_str line, const char *path,
                    size_t number, json_t *rows, fr_err *err)
{
    json_error_t error;
    json_t *row = json_loadb(line.at, line.n, 0, &error), *vars = json_object();
    const char *want = first_text(row, OUTPUTS, FR_COUNT_OF(OUTPUTS));
    int rc = fr_prompt_vars_given(cli, vars, err);
    if (rc == 0 && (!json_is_object(row) || want == NULL))
        rc = fr_fail(err, FR_E_FORMAT, "A row is {\"question\": …, \"output\": …}.", "%s:%zu: %s",
                     path, number, row == NULL ? error.text : "there is no output in this row");
    if (rc == 0) {
        json_object_update(vars, row);
        fill_input(p, vars);
        json_array_append_new(rows, json_pack("{s:O, s:s}", "vars", vars, "want", want));
    }
    json_decref(vars);
    json_decref(row);
    return rc;
}

int fr_prompt_rows_given(fr_cli *cli, const fr_prompt_file *p, json_t **out, fr_err *err)
{
    const char *path = fr_arg_text(cli, "data", NULL);
    long long most = fr_arg_i64(cli, "rows", DEFAULT_ROWS);
    FR_AUTO(fr_buf) text = { 0 };
    *out = NULL;
    if (most < 1)
        return fr_fail(err, FR_E_USAGE, NULL, "--rows takes 1 or more, not %lld", most);
    if (path == NULL)
        return 0;
    FR_TRY(fr_file_read(path, MOST_DATA_BYTES, &text, err));
    json_t *rows = json_array();
    size_t number = 0;
    int rc = 0;
    for (fr_str rest = fr_buf_str(&text), line;
         rc == 0 && json_array_size(rows) < (size_t)most && fr_str_next(&rest, '\n', &line);) {
        number++;
        if (fr_str_trim(line).n != 0)
            rc = read_row(cli, p, line, path, number, rows, err);
    }
    if (rc == 0 && json_array_size(rows) == 0)
        rc = fr_fail(err, FR_E_FORMAT, NULL, "%s: no rows", path);
    if (rc == 0)
        *out = rows;
    else
        json_decref(rows);
    return rc;
}

int fr_prompt_metric_given(fr_cli *cli, const fr_metric **out, fr_err *err)
{
    const char *name = fr_arg_text(cli, "metric", "exact-match");
    *out = fr_metric_find(name);
    if (*out != NULL && (*out)->score != NULL)
        return 0;
    return fr_fail(err, FR_E_USAGE, "There are exact-match, accuracy, token-f1 and rouge-l.",
                   "--metric '%s' cannot score an answer", name);
}

void fr_prompt_trial_fini(fr_prompt_trial *t)
{
    free(t->scores);
    *t = (fr_prompt_trial){ 0 };
}

/* ---- asking ------------------------------------------------------------------------------ */

typedef struct {
    fr_buf *prompts;
    fr_ask *asks;
    fr_answer *answers;
    size_t n;
} batch;

static void batch_fini(batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        fr_buf_fini(&b->prompts[i]);
        fr_answer_fini(&b->answers[i]);
    }
    free(b->prompts);
    free(b->asks);
    free(b->answers);
}

long long fr_prompt_max_tokens(fr_cli *cli)
{
    return fr_arg_i64(cli, "max-tokens", DEFAULT_TOKENS);
}

static int fill_batch(fr_cli *cli, const fr_prompt_file *p, const json_t *rows,
                      const fr_sampling *sampling, batch *b, fr_err *err)
{
    static const char *const STOP[] = { "\n" };
    long long tokens = fr_prompt_max_tokens(cli);
    if (tokens < 1)
        return fr_fail(err, FR_E_USAGE, NULL, "--max-tokens takes 1 or more, not %lld", tokens);
    for (size_t i = 0; i < b->n; i++) {
        const json_t *vars = json_object_get(json_array_get(rows, i), "vars");
        FR_TRY(fr_prompt_file_fill(p, vars, &b->prompts[i], err));
        fr_sampling s = sampling != NULL ? *sampling : (fr_sampling){ 0 };
        s.max_tokens = (size_t)tokens;
        s.stop = STOP;
        s.n_stop = FR_COUNT_OF(STOP);
        b->asks[i] = (fr_ask){ .prompt = fr_buf_str(&b->prompts[i]), .sampling = s };
    }
    return 0;
}

static int ask_batch(fr_cli *cli, fr_model_work *w, const fr_prompt_file *p, batch *b,
                     fr_used *used, fr_err *err)
{
    FR_AUTOPTR(fr_endpoint) endpoint = NULL;
    FR_TRY(fr_endpoint_engine(w->engine, w->adapter, &endpoint, err));
    fr_phase *phase = NULL;
    FR_TRY(fr_phase_begin(w->run, "evaluate", fr_prompt_file_main(p), &phase, err));
    int rc =
        fr_endpoint_ask(endpoint, b->asks, b->n, b->answers, fr_cli_progress(cli, w->run), err);
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", used, rc == 0 ? err : NULL);
    return rc != 0 ? rc : end_rc;
}

int fr_prompt_try(fr_cli *cli, fr_model_work *w, const fr_prompt_file *p, const json_t *rows,
                  const fr_metric *metric, const fr_sampling *sampling, fr_prompt_trial *out,
                  fr_err *err)
{
    size_t n = json_array_size(rows);
    batch b = { .prompts = FR_NEW_N(fr_buf, n),
                .asks = FR_NEW_N(fr_ask, n),
                .answers = FR_NEW_N(fr_answer, n),
                .n = n };
    fr_used used = { 0 };
    int rc = fill_batch(cli, p, rows, sampling, &b, err);
    if (rc == 0)
        rc = ask_batch(cli, w, p, &b, &used, err);
    if (rc == 0) {
        *out = (fr_prompt_trial){ .scores = FR_NEW_N(double, n), .n = n, .used = used };
        for (size_t i = 0; i < n; i++) {
            const json_t *want = json_object_get(json_array_get(rows, i), "want");
            out->scores[i] = metric->score(fr_prompt_clean(fr_str_of(b.answers[i].text)),
                                           fr_str_of(json_string_value(want)));
            out->prompt_tokens += b.answers[i].prompt_tokens;
            out->completion_tokens += b.answers[i].completion_tokens;
        }
        out->quality = fr_interval_of(out->scores, n, 0);
    }
    batch_fini(&b);
    return rc;
}

double fr_prompt_count(const fr_model_work *w, fr_str text)
{
    FR_AUTO(fr_ids) ids = { 0 };
    if (w->engine == NULL)
        return (double)((text.n + 3) / 4);
    fr_tokenizer_encode(fr_model_tokenizer(fr_engine_model(w->engine)), text,
                        FR_ENCODE_BOS | FR_ENCODE_SPECIAL, &ids, NULL);
    return (double)ids.n;
}

json_t *fr_prompt_interval_json(const fr_metric *metric, fr_interval q)
{
    json_t *o = json_object();
    json_object_set_new(o, "metric", json_string(metric->name));
    json_object_set_new(o, "value", fr_json_f64(q.value));
    json_object_set_new(o, "ci_low", fr_json_f64(q.low));
    json_object_set_new(o, "ci_high", fr_json_f64(q.high));
    json_object_set_new(o, "n", json_integer((json_int_t)q.n));
    return o;
}
