/* frugal prompt advise: inference parameters for a task, with the evidence. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/prompt_advice.h"
#include "base/file.h"
#include "cli/prompt_store.h"

static const fr_option OPTIONS[] = {
    FR_OPTION_STORE,
    FR_OPTIONS_END,
};

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

static double number_of(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* ---- a task ------------------------------------------------------------------------------- */

static void put_parameter(const json_t *model, const char *name, fr_buf *out)
{
    const json_t *why = json_object_get(json_object_get(model, "evidence"), name), *one;
    size_t i;
    fr_buf_put_f(out, "  %-12s %-6g %s: %s\n", name,
                 number_of(json_object_get(model, "recommended"), name), text_of(why, "by"),
                 text_of(why, "why"));
    json_array_foreach(json_object_get(why, "tried"), i, one)
        fr_buf_put_f(out, "  %19s   %g against %g on %.0f rows: %+.3f (%+.3f to %+.3f), p = %.2g\n",
                     "", number_of(one, "value"), number_of(one, "against"), number_of(one, "rows"),
                     number_of(one, "difference"), number_of(one, "ci_low"),
                     number_of(one, "ci_high"), number_of(one, "p"));
}

static void put_length(const json_t *model, fr_buf *out)
{
    const json_t *why = json_object_get(json_object_get(model, "evidence"), "max_tokens");
    const json_t *room = json_object_get(json_object_get(model, "evidence"), "context_tokens");
    const json_t *recommended = json_object_get(model, "recommended");
    fr_buf_put_f(out, "  %-12s %-6g %s: %s\n", "max_tokens", number_of(recommended, "max_tokens"),
                 text_of(why, "by"), text_of(why, "why"));
    fr_buf_put_f(
        out, "  %19s   %.0f rows: median %.0f, 95%% up to %.0f, 99%% up to %.0f, all up to %.0f\n",
        "", number_of(why, "rows"), number_of(why, "median_tokens"), number_of(why, "p95_tokens"),
        number_of(why, "p99_tokens"), number_of(why, "longest_tokens"));
    if (room != NULL)
        fr_buf_put_f(
            out, "  %-12s %-6g of a bare prompt: %.1f MB of cache, not %.1f MB for all %.0f\n",
            "context", number_of(recommended, "context_tokens"),
            number_of(room, "cache_bytes") / 1e6, number_of(room, "cache_bytes_whole") / 1e6,
            number_of(room, "whole_context_tokens"));
}

static void put_effort(const char *what, const json_t *e, fr_buf *out)
{
    if (!json_is_object(e))
        return;
    fr_buf_put_f(out, "  %-32s %4.0f rounds, %6.0f calls, %8.0f tokens, %.3g CPU s", what,
                 number_of(e, "rounds"), number_of(e, "calls"), number_of(e, "tokens"),
                 number_of(e, "cpu_s"));
    if (!isnan(number_of(e, "energy_j"))) {
        char joules[32];
        fr_text_j(number_of(e, "energy_j"), joules);
        fr_buf_put_f(out, ", %s%s", strcmp(text_of(e, "method"), "measured") == 0 ? "" : "~",
                     joules);
    }
    fr_buf_put_c(out, '\n');
}

static void print_task(const json_t *advice)
{
    FR_AUTO(fr_buf) out = { 0 };
    const json_t *model;
    size_t i;
    json_array_foreach(json_object_get(advice, "models"), i, model)
    {
        const json_t *effort = json_object_get(model, "effort");
        fr_buf_put_f(&out, "%s%s with %s (%.0f results in the history):\n", i != 0 ? "\n" : "",
                     text_of(advice, "task"), text_of(model, "model"), number_of(model, "results"));
        put_parameter(model, "temperature", &out);
        put_parameter(model, "top_p", &out);
        put_parameter(model, "top_k", &out);
        put_length(model, &out);
        if (number_of(model, "results") > 0) {
            put_effort("all that was tried", json_object_get(effort, "tried"), &out);
            put_effort("until the target was reached", json_object_get(effort, "until_target"),
                       &out);
            put_effort("what is recommended, alone", json_object_get(effort, "best_alone"), &out);
        }
    }
    fwrite(fr_buf_text(&out), 1, out.n, stdout);
}

/* ---- a history ---------------------------------------------------------------------------- */

static void print_history(const json_t *advice)
{
    FR_AUTO(fr_buf) out = { 0 };
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(advice, "tasks"), i, one)
    {
        const json_t *r = json_object_get(one, "recommended");
        fr_buf_put_f(&out, "%s with %s: temperature %g, top_p %g, top_k %g, max_tokens %g\n",
                     text_of(one, "task"), text_of(one, "model"), number_of(r, "temperature"),
                     number_of(r, "top_p"), number_of(r, "top_k"), number_of(r, "max_tokens"));
        fr_buf_put_f(&out, "  of the best result: %s %.3f (%.3f to %.3f) on %.0f rows\n",
                     text_of(one, "metric"), number_of(one, "score"), number_of(one, "ci_low"),
                     number_of(one, "ci_high"), number_of(one, "rows"));
        put_effort("all that was tried", json_object_get(one, "tried"), &out);
    }
    if (i == 0)
        fr_buf_put_s(&out, "no result of an experiment stands in this history.\n");
    fwrite(fr_buf_text(&out), 1, out.n, stdout);
}

/* ---- the verb ----------------------------------------------------------------------------- */

static int advise(fr_cli *cli, const char *what, json_t **out, fr_err *err)
{
    FR_AUTOPTR(fr_history) history = NULL;
    FR_AUTOPTR(fr_task) task = NULL;
    if (fr_dir_exists(what)) {
        FR_TRY(fr_history_open(&what, 1, &history, err));
        return fr_prompt_advise_history(history, out, err);
    }
    FR_TRY(fr_task_load(what, &task, err));
    FR_TRY(fr_prompt_history_open(cli, &history, err));
    return fr_prompt_advise(task, history, out, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    const char *what = NULL;
    json_t *advice = NULL;
    int rc = fr_arg_need(cli, 0, "a task file or a history's folder", &what, &err);
    if (rc == 0)
        rc = advise(cli, what, &advice, &err);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, advice);
    if (json_object_get(advice, "models") != NULL)
        print_task(advice);
    else
        print_history(advice);
    json_decref(advice);
    return fflush(stdout) == 0 ? 0 : 1;
}

const fr_command FR_PROMPT_advise = {
    .name = "prompt advise",
    .run = run,
    .options = OPTIONS,
    .arguments = "TASK.yaml|HISTORY",
    .summary = "which temperature, cut-offs and length a task wants, with the evidence",
    .examples = "frugal prompt advise task.yaml  # from its training rows and the history\n"
                "frugal prompt advise task.yaml --store team/prompts --json\n"
                "frugal prompt advise .frugal/prompts  # every task in a history\n",
    .more = "No model is run. The length comes from the outputs of the training rows, counted\n"
            "with the model's own tokenizer. Temperature, top_p and top_k come from experiments\n"
            "(`frugal prompt run`): answers of settings that differ in one of them alone are\n"
            "compared on the same rows, and only what is better by more than chance replaces the\n"
            "plain value (greedy, no cut-off). Where nothing was tried the rule is told as one.\n"
            "Rounds, calls, processor time and joules are those of the experiments; joules are\n"
            "known where the work was inside this machine's meter.",
};
