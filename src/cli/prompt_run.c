/* frugal prompt run: an experiment of prompts, techniques, models and parameters. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/trials.h"
#include "base/mem.h"
#include "cli/prompt_store.h"
#include "report/report.h"

static const fr_option OPTIONS[] = {
    { "out", 'o', FR_OPTION_TEXT, "DIR", "where answers and results go (experiments/NAME)" },
    FR_OPTION_STORE,
    { "no-store", 0, FR_OPTION_FLAG, NULL, "neither read nor write a history" },
    { "threads", 't', FR_OPTION_I64, "N", "processor threads (default: all)" },
    FR_OPTIONS_PLACE,
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

static void on_event(void *user, const char *event, const json_t *o)
{
    fr_cli *cli = user;
    if (strcmp(event, "warning") == 0)
        fr_cli_tell(cli, "warning: %s", text_of(o, "text"));
    else if (strcmp(event, "arms") == 0)
        fr_cli_tell(cli, "%.0f variants, at most %.0f rows of dev each", number_of(o, "arms"),
                    number_of(o, "rows"));
    else if (strcmp(event, "arm") == 0)
        fr_cli_tell(cli, "  %-28s %.3f on %.0f rows more", text_of(o, "name"),
                    number_of(o, "score"), number_of(o, "rows"));
}

static void on_run(void *user, fr_run *run)
{
    fr_cli_progress(user, run);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void put_leads(const json_t *result, fr_buf *out)
{
    size_t i;
    const json_t *lead;
    json_array_foreach(json_object_get(result, "leads"), i, lead) fr_buf_put_f(
        out, "%s %s: %+.3f (%+.3f to %+.3f) on %.0f rows of both, p = %.2g\n",
        json_is_true(json_object_get(lead, "tie")) ? "a tie with" : "ahead of",
        text_of(lead, "over"), number_of(lead, "difference"), number_of(lead, "ci_low"),
        number_of(lead, "ci_high"), number_of(lead, "rows"), number_of(lead, "p"));
}

static void print_result(const json_t *result)
{
    FR_AUTO(fr_buf) out = { 0 };
    const json_t *sure = json_object_get(result, "confirmed");
    char joules[32];
    fr_report_trials_table(result, fr_cli_columns(), &out);
    bool by_target = strcmp(text_of(result, "chosen_by"), "target") == 0;
    fr_buf_put_f(&out, "\n%s %s.\n", text_of(result, "chosen"),
                 by_target ? "reaches the target on dev with the fewest tokens"
                           : "scores best on dev");
    put_leads(result, &out);
    fr_buf_put_f(&out, "on %.0f eval rows, read once: %s %.3f (%.3f to %.3f)%s%s\n",
                 number_of(sure, "rows"), text_of(result, "metric"), number_of(sure, "score"),
                 number_of(sure, "ci_low"), number_of(sure, "ci_high"),
                 isnan(number_of(result, "target")) ? "" : ": target ",
                 isnan(number_of(result, "target")) ? "" : text_of(sure, "target"));
    fr_buf_put_f(&out, "%.0f scores of %.0f (%.0f%%), %.0f calls of a model now, %.0f rows known\n",
                 number_of(result, "scored"),
                 number_of(result, "scored") / number_of(result, "scored_ratio"),
                 100 * number_of(result, "scored_ratio"), number_of(result, "calls"),
                 number_of(result, "reused_rows"));
    fr_text_j(number_of(result, "energy_j"), joules);
    fr_buf_put_f(&out, "this run: %s%s (%s), %.3g CPU s\nresult: %s/result.json   report: %s\n",
                 strcmp(text_of(result, "method"), "measured") == 0 ? "" : "~", joules,
                 text_of(result, "method"), number_of(result, "cpu_s"), text_of(result, "out"),
                 text_of(result, "report"));
    fwrite(fr_buf_text(&out), 1, out.n, stdout);
}

/* ---- the verb ----------------------------------------------------------------------------- */

static int run_trials(fr_cli *cli, json_t **result, fr_err *err)
{
    const char *path = NULL;
    FR_AUTOPTR(fr_trials) trials = NULL;
    FR_AUTOPTR(fr_history) history = NULL;
    FR_TRY(fr_arg_need(cli, 0, "an experiment file", &path, err));
    FR_TRY(fr_trials_load(path, &trials, err));
    if (!fr_arg_flag(cli, "no-store"))
        FR_TRY(fr_prompt_history_open(cli, &history, err));
    fr_trials_options options = { .out_dir = fr_arg_text(cli, "out", NULL),
                                  .ledger = fr_cli_ledger(cli),
                                  .place = fr_cli_place(cli),
                                  .history = history,
                                  .threads = (int)fr_arg_i64(cli, "threads", 0),
                                  .argv = fr_cli_argv(cli),
                                  .progress = fr_cli_progress(cli, NULL),
                                  .on_event = on_event,
                                  .on_run = on_run,
                                  .user = cli };
    return fr_trials_run(trials, &options, result, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    json_t *result = NULL;
    int rc = run_trials(cli, &result, &err);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    const char *target = text_of(json_object_get(result, "confirmed"), "target");
    int status = strcmp(target, "missed") == 0 ? 3 : 0;
    if (fr_cli_json(cli)) {
        int put = fr_cli_put_json(cli, result);
        return put != 0 ? put : status;
    }
    print_result(result);
    json_decref(result);
    return fflush(stdout) == 0 ? status : 1;
}

const fr_command FR_PROMPT_run = {
    .name = "prompt run",
    .run = run,
    .options = OPTIONS,
    .arguments = "EXPERIMENT.yaml",
    .summary = "try prompts, techniques, models and parameters against each other",
    .examples =
        "frugal prompt run experiment.yaml  # the best by successive halving, then eval once\n"
        "frugal prompt run experiment.yaml --json -o tried/  # for a program\n"
        "frugal prompt run experiment.yaml  # again: from what is kept, no call of a model\n",
    .more =
        "An experiment file names a task file and what is to be tried on it:\n\n"
        "  experiment: routing\n"
        "  task: task.yaml            # kind, data, metric, target; models if none stand here\n"
        "  models: [small.gguf, {endpoint: \"http://localhost:8000/v1\", name: large}]\n"
        "  variants:\n"
        "    - zero-shot\n"
        "    - {technique: few-shot, shots: [1, 4], choose: [random, similar, diverse]}\n"
        "    - {name: curt, prompt: curt.jinja, technique: chain-of-thought}\n"
        "    - {technique: self-consistency, samples: 10, thinks: true}\n"
        "    - {technique: generated-knowledge, statements: 3}\n"
        "    - {technique: react, steps: 4, max_j: 50}     # search (documents), calculate\n"
        "    - {technique: zero-shot, instructions: 8}     # the model writes them\n"
        "  parameters: {temperature: [0, 0.7], top_p: 0.9, max_tokens: [16, 64]}\n"
        "  rows: 64                   # of dev at most; seed: 1, finalists: an eighth\n\n"
        "A prompt file sees input, labels, label_list, shots, examples, passages, context,\n"
        "knowledge and instruction. Each answer is kept in OUT/answers.jsonl as it comes, so an\n"
        "interrupted experiment, or one whose endpoint failed, goes on with the same command;\n"
        "results go into the history, and what stands there is not asked again.\n\n"
        "Exit status: 0 done; 3 done, and the target was missed on eval; 1 failed.",
};
