/* frugal generate: a completion, shown as it comes, with what it took. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/model_work.h"
#include "text/schema.h"

enum { DEFAULT_TOKENS = 128, MOST_STOPS = 16, MOST_BIASES = 64 };

static const fr_option OPTIONS[] = {
    FR_OPTIONS_MODEL,
    { "prompt", 'p', FR_OPTION_TEXT, "TEXT", "what to go on from" },
    { "file", 'f', FR_OPTION_TEXT, "FILE", "read the prompt there (-: stdin, the default)" },
    { "tokens", 'n', FR_OPTION_I64, "N",
      "at most N tokens (default 128; 0: to the context's end)" },
    { "temp", 0, FR_OPTION_F64, "T", "temperature; 0, the default, takes the most likely token" },
    { "top-k", 0, FR_OPTION_I64, "K", "draw from the K most likely tokens" },
    { "top-p", 0, FR_OPTION_F64, "P", "then from the fewest that reach P together" },
    { "min-p", 0, FR_OPTION_F64, "P", "then from those with P times the best one's probability" },
    { "typical-p", 0, FR_OPTION_F64, "P", "then from the most typical that reach P together" },
    { "repeat-penalty", 0, FR_OPTION_F64, "R", "divide the logits of tokens that are there (1.1)" },
    { "repeat-last", 0, FR_OPTION_I64, "N", "of those among the last N only (default: all)" },
    { "frequency-penalty", 0, FR_OPTION_F64, "X", "taken off for each time in the answer" },
    { "presence-penalty", 0, FR_OPTION_F64, "X", "taken off once for being in the answer" },
    { "logit-bias", 0, FR_OPTION_LIST, "ID=X", "added to a token's logit; -inf: never; several" },
    { "grammar", 0, FR_OPTION_TEXT, "FILE", "the answer follows this grammar (GBNF)" },
    { "json-schema", 0, FR_OPTION_TEXT, "FILE", "the answer is JSON after this schema (or TEXT)" },
    { "seed", 0, FR_OPTION_I64, "N", "the same seed gives the same text (default 0)" },
    { "stop", 0, FR_OPTION_LIST, "TEXT", "end before this text; may be given several times" },
    { "no-special", 0, FR_OPTION_FLAG, NULL, "no BOS, and control tokens in the prompt are text" },
    { "adapter", 0, FR_OPTION_TEXT, "DIR", "add a LoRA adapter (PEFT folder or GGUF)" },
    FR_OPTION_PROFILE,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

static void show(void *user, fr_str piece)
{
    (void)user;
    fwrite(piece.at, 1, piece.n, stdout);
    fflush(stdout);
}

/* \n and \t as one can write them in a shell. Owned. */
static char *unescaped(const char *text)
{
    char *out = fr_dup(text), *to = out;
    for (const char *at = text; *at != '\0'; at++) {
        bool escape = at[0] == '\\' && (at[1] == 'n' || at[1] == 't' || at[1] == '\\');
        if (escape)
            at++;
        *to++ = !escape ? *at : *at == 'n' ? '\n' : *at == 't' ? '\t' : '\\';
    }
    *to = '\0';
    return out;
}

static int read_biases(fr_cli *cli, fr_sampling *s, fr_logit_bias biases[MOST_BIASES], fr_err *err)
{
    for (const char *text; (text = fr_arg_list(cli, "logit-bias", s->n_bias)) != NULL;) {
        fr_str rest = fr_str_of(text), id;
        double number = NAN, bias = NAN;
        if (s->n_bias == MOST_BIASES)
            return fr_fail(err, FR_E_USAGE, NULL, "more than %d biases", MOST_BIASES);
        bool ok = fr_str_next(&rest, '=', &id) && fr_str_to_f64(id, &number) && number >= 0 &&
                  number <= INT32_MAX && number == floor(number);
        if (ok && fr_str_equal(rest, FR_STR("-inf")))
            bias = -INFINITY;
        else if (!ok || !fr_str_to_f64(rest, &bias))
            return fr_fail(err, FR_E_USAGE, "`frugal tokenize` tells ids; as --logit-bias 42=-inf.",
                           "--logit-bias takes ID=NUMBER, not '%s'", text);
        biases[s->n_bias++] = (fr_logit_bias){ (int32_t)number, bias };
    }
    s->bias = biases;
    return 0;
}

static int read_grammar(fr_cli *cli, fr_grammar **out, fr_err *err)
{
    const char *file = fr_arg_text(cli, "grammar", NULL),
               *schema = fr_arg_text(cli, "json-schema", NULL);
    FR_AUTO(fr_buf) text = { 0 };
    if (file != NULL && schema != NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "both --grammar and --json-schema bind the answer");
    if (schema != NULL && fr_str_starts(fr_str_trim(fr_str_of(schema)), FR_STR("{")))
        return fr_schema_parse(fr_str_of(schema), out, err);
    if (file == NULL && schema == NULL)
        return 0;
    FR_TRY(fr_file_read(file != NULL ? file : schema, 1u << 20, &text, err));
    return file != NULL ? fr_grammar_parse(fr_buf_str(&text), out, err)
                        : fr_schema_parse(fr_buf_str(&text), out, err);
}

static int read_sampling(fr_cli *cli, fr_sampling *s, char *stops[MOST_STOPS], fr_err *err)
{
    long long tokens = fr_arg_i64(cli, "tokens", DEFAULT_TOKENS),
              top_k = fr_arg_i64(cli, "top-k", 0), last = fr_arg_i64(cli, "repeat-last", 0);
    if (tokens < 0)
        return fr_fail(err, FR_E_USAGE, NULL, "--tokens takes 0 or more, not %lld", tokens);
    if (top_k < 0 || top_k > INT32_MAX)
        return fr_fail(err, FR_E_USAGE, NULL, "--top-k takes 0 or more, not %lld", top_k);
    *s = (fr_sampling){ .temperature = fr_arg_f64(cli, "temp", 0),
                        .top_k = (int)top_k,
                        .top_p = fr_arg_f64(cli, "top-p", 0),
                        .min_p = fr_arg_f64(cli, "min-p", 0),
                        .typical_p = fr_arg_f64(cli, "typical-p", 0),
                        .repetition_penalty = fr_arg_f64(cli, "repeat-penalty", 0),
                        .repetition_last = (size_t)FR_MAX(last, 0),
                        .frequency_penalty = fr_arg_f64(cli, "frequency-penalty", 0),
                        .presence_penalty = fr_arg_f64(cli, "presence-penalty", 0),
                        .seed = (uint64_t)fr_arg_i64(cli, "seed", 0),
                        .max_tokens = (size_t)tokens };
    for (const char *stop; (stop = fr_arg_list(cli, "stop", s->n_stop)) != NULL; s->n_stop++) {
        if (s->n_stop == MOST_STOPS)
            return fr_fail(err, FR_E_USAGE, NULL, "more than %d stop texts", MOST_STOPS);
        stops[s->n_stop] = unescaped(stop);
    }
    s->stop = (const char *const *)stops;
    return 0;
}

static int generate(fr_cli *cli, fr_model_work *w, const fr_request *r, uint64_t *id, fr_err *err)
{
    fr_phase *phase = NULL;
    FR_TRY(fr_phase_begin(w->run, "generate", NULL, &phase, err));
    int rc = fr_engine_submit(w->engine, r, id, err);
    while (rc == 0 && fr_engine_busy(w->engine)) {
        rc = fr_engine_step(w->engine, err);
        if (fr_cli_stopped(cli))
            fr_engine_cancel(w->engine, *id);
    }
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
    return rc != 0 ? rc : end_rc;
}

static json_t *json_of(const fr_model_work *w, const fr_completion *c)
{
    json_t *o = json_object(), *ids = json_array();
    for (size_t i = 0; i < c->completion_tokens; i++)
        json_array_append_new(ids, json_integer(c->ids[i]));
    json_object_set_new(o, "text", json_string(c->text));
    json_object_set_new(o, "ids", ids);
    json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)c->prompt_tokens));
    json_object_set_new(o, "completion_tokens", json_integer((json_int_t)c->completion_tokens));
    json_object_set_new(o, "finish_reason", json_string(fr_finish_name(c->finish)));
    json_object_set_new(o, "timing",
                        json_pack("{s:f, s:f, s:f}", "load_s", fr_engine_load_s(w->engine),
                                  "prefill_s", c->prefill_s, "decode_s", c->decode_s));
    fr_model_work_json(w, o);
    return o;
}

static void tell(fr_cli *cli, const fr_model_work *w, const fr_completion *c)
{
    char took[128];
    fr_model_work_text(w, took);
    double rate = c->decode_s > 0 && c->completion_tokens > 1
                      ? (double)(c->completion_tokens - 1) / c->decode_s
                      : 0;
    fr_cli_tell(cli, "%zu + %zu tokens, ended by %s, %.0f tokens/s; with loading %s",
                c->prompt_tokens, c->completion_tokens, fr_finish_name(c->finish), rate, took);
}

/* The text is out already (or, with --json, comes now); what it took follows. */
static int finish(fr_cli *cli, fr_model_work *w, uint64_t id, fr_err *err)
{
    const fr_completion *c = fr_engine_result(w->engine, id);
    bool cut = c->finish == FR_FINISH_CANCELLED;
    if (!fr_cli_json(cli))
        putchar('\n');
    fr_run_note(w->run, "work", "prompt_tokens", (double)c->prompt_tokens, NULL, NULL);
    fr_run_note(w->run, "work", "completion_tokens", (double)c->completion_tokens, NULL, NULL);
    FR_TRY(fr_model_work_end(w, cut ? "interrupted" : "done", err));
    fr_op_profile_tell(cli, w->profile, &w->profiled);
    if (!fr_cli_json(cli))
        tell(cli, w, c);
    else if (fr_cli_put_json(cli, json_of(w, c)) != 0)
        return fr_fail(err, FR_E_IO, NULL, "cannot write the output");
    return cut ? fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu tokens",
                         c->completion_tokens)
               : 0;
}

static int generate_all(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_buf) prompt = { 0 };
    FR_AUTOPTR(fr_grammar) grammar = NULL; /* outlives the engine's requests */
    FR_AUTO(fr_model_work) work = { 0 };
    char *stops[MOST_STOPS] = { NULL };
    fr_logit_bias biases[MOST_BIASES];
    const char *model = NULL;
    uint64_t id = 0;
    fr_request r = { .no_special = fr_arg_flag(cli, "no-special"),
                     .on_text = fr_cli_json(cli) ? NULL : show };
    int rc = fr_arg_need_text(cli, "model", &model, err);
    if (rc == 0)
        rc = read_sampling(cli, &r.sampling, stops, err);
    if (rc == 0)
        rc = read_biases(cli, &r.sampling, biases, err);
    if (rc == 0)
        rc = read_grammar(cli, &grammar, err);
    r.sampling.grammar = grammar;
    if (rc == 0)
        rc = fr_text_given(cli, &prompt, err);
    r.prompt = fr_buf_str(&prompt);
    if (rc == 0)
        rc = fr_model_work_begin(cli, "generate", 1, fr_arg_text(cli, "adapter", NULL), &work, err);
    r.adapter = work.adapter;
    if (rc == 0)
        rc = generate(cli, &work, &r, &id, err);
    if (rc == 0)
        rc = finish(cli, &work, id, err);
    for (size_t i = 0; i < MOST_STOPS; i++)
        free(stops[i]);
    return rc;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, generate_all(cli, &err), &err);
}

const fr_command FR_COMMAND_generate = {
    .name = "generate",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "go on from a prompt, and tell what it took",
    .examples =
        "frugal generate -m model.gguf -p \"Once upon a time\" -n 64  # the most likely text\n"
        "frugal generate -m model.gguf -p Dear --temp 0.8 --top-p 0.95 --seed 7  # drawn\n"
        "frugal generate -m model.gguf -f prompt.txt --stop '\\n\\n' --json  # for a program",
    .more =
        "Text is shown as it comes; Ctrl-C keeps it. It does not depend on the number of threads. "
        "Cut-offs apply in the order top-k, top-p, min-p; of equals the lower id comes first. "
        "In --stop, \\n, \\t and \\\\ stand for line end, tab and backslash.",
};
