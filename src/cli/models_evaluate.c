/* frugal models evaluate: which of several models is enough for a task, smallest first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "choose/candidates.h"
#include "cli/models_commands.h"

#define ROBUST_ROWS 100

static double at(const json_t *o, const char *part, const char *key)
{
    const json_t *v = json_object_get(part != NULL ? json_object_get(o, part) : o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static const char *text_at(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

/* "0.123", or "-" where nobody knows. */
static const char *short_number(double v, char out[16])
{
    snprintf(out, 16, isnan(v) ? "-" : "%.3f", v);
    return out;
}

static void on_candidate(void *user, const json_t *c)
{
    fr_cli *cli = user;
    if (json_is_object(json_object_get(c, "quality")))
        fr_cli_tell(cli, "  %-24s %.3f (%.3f to %.3f), %.3g CPU s a request: %s",
                    text_at(c, "model"), at(c, "quality", "value"), at(c, "quality", "ci_low"),
                    at(c, "quality", "ci_high"), at(c, "efficiency", "cpu_s_per_request"),
                    text_at(c, "target"));
    else
        fr_cli_tell(cli, "  %-24s %s: %s", text_at(c, "model"), text_at(c, "status"),
                    text_at(c, "reason"));
}

static void print_candidate(const json_t *c)
{
    char params[24], memory[24], joules[32], ece[16], brier[16], drop[16], quality[40];
    const char *status = text_at(c, "status");
    fr_text_count(at(c, NULL, "params"), params);
    if (strcmp(status, "done") != 0) {
        printf("%-20.20s %8s  %s: %s\n", text_at(c, "model"), params, status, text_at(c, "reason"));
        return;
    }
    fr_text_bytes(at(c, "efficiency", "peak_rss_bytes"), memory);
    fr_text_j(at(c, "efficiency", "energy_j_per_request"), joules);
    bool measured = strcmp(text_at(json_object_get(c, "efficiency"), "method"), "measured") == 0;
    snprintf(quality, sizeof(quality), "%.3f (%.3f-%.3f)", at(c, "quality", "value"),
             at(c, "quality", "ci_low"), at(c, "quality", "ci_high"));
    printf("%-20.20s %8s  %-21s %-9s %6s %6s %7s  %s%-9s %8.3g %8.0f %9s\n", text_at(c, "model"),
           params, quality, text_at(c, "target"), short_number(at(c, "calibration", "ece"), ece),
           short_number(at(c, "calibration", "brier"), brier),
           short_number(at(c, "robustness", "worst_drop"), drop), measured ? " " : "~", joules,
           at(c, "efficiency", "cpu_s_per_request"), at(c, "efficiency", "tokens_per_s"), memory);
}

static void print_record(const json_t *record, const char *out_dir)
{
    const json_t *list = json_object_get(record, "candidates");
    printf("%-20s %8s  %-21s %-9s %6s %6s %7s  %-10s %8s %8s %9s\n", "model", "params",
           text_at(record, "metric"), "target", "ECE", "Brier", "worst", "J/request", "CPU s",
           "tokens/s", "peak");
    for (size_t i = 0; i < json_array_size(list); i++)
        print_candidate(json_array_get(list, i));
    const char *chosen = text_at(record, "chosen");
    double target = at(record, NULL, "target");
    if (chosen[0] != '\0')
        printf("%s is enough: the least of those that were asked whose 95%% interval reaches %g.\n",
               chosen, target);
    else if (isnan(target))
        printf("the task states no target, so none is chosen.\n");
    printf("worst: the largest drop when the same is asked again in other case, with typos, "
           "spaces, other words of the\nprompt. ~ is a model, not a counter: compare CPU seconds "
           "(grade B). record: %s/evaluation.json\n",
           out_dir);
}

static int begin(fr_cli *cli, fr_task **task, size_t *n_models, char ***models, fr_err *err)
{
    size_t n = 0;
    char **rest = fr_arg_rest(cli, &n);
    if (n < 2 || (n == 2 && fr_str_ends(fr_str_of(rest[1]), FR_STR(".gguf"))))
        return fr_fail(err, FR_E_USAGE, "frugal models evaluate small.gguf large.gguf task.yaml",
                       "candidates and a task file are missing");
    *models = rest + 1;
    *n_models = n - 2;
    return fr_task_load(rest[n - 1], task, err);
}

static int evaluate(fr_cli *cli, fr_task *task, char **models, size_t n_models, const char *out_dir,
                    json_t **record, fr_err *err)
{
    fr_run *run = NULL;
    FR_TRY(fr_cli_run_begin(cli, "models", "evaluate", &run, err));
    fr_candidates_options options = { .task = task,
                                      .run = run,
                                      .models = (const char *const *)models,
                                      .n_models = n_models,
                                      .strategy = fr_arg_text(cli, "strategy", NULL),
                                      .out_dir = out_dir,
                                      .all = fr_arg_flag(cli, "all"),
                                      .robust_rows =
                                          (size_t)fr_arg_i64(cli, "robust-rows", ROBUST_ROWS),
                                      .measure_s = fr_arg_f64(cli, "measure", 0),
                                      .threads = (int)fr_arg_i64(cli, "threads", 0),
                                      .seed = (uint64_t)fr_arg_i64(cli, "seed", 1),
                                      .progress = fr_cli_progress(cli, run),
                                      .on_candidate = on_candidate,
                                      .user = cli };
    int rc = fr_candidates(&options, record, err);
    fr_cli_progress(cli, NULL);
    fr_err dropped = { 0 };
    int ended =
        fr_run_end(run, rc == 0 ? "done" : "failed", rc != 0, NULL, NULL, rc == 0 ? err : &dropped);
    return rc != 0 ? rc : ended;
}

int fr_models_evaluate(fr_cli *cli, fr_err *err)
{
    FR_AUTOPTR(fr_task) task = NULL;
    char **models = NULL;
    size_t n_models = 0;
    json_t *record = NULL;
    FR_TRY(begin(cli, &task, &n_models, &models, err));
    if (fr_arg_i64(cli, "robust-rows", ROBUST_ROWS) < 0)
        return fr_fail(err, FR_E_USAGE, NULL, "--robust-rows takes 0 or more");
    const char *named = fr_arg_text(cli, "out", NULL);
    char *out_dir = named != NULL ? fr_dup(named) : fr_path_join("evaluated", fr_task_name(task));
    int rc = evaluate(cli, task, models, n_models, out_dir, &record, err);
    if (rc == 0) {
        bool missed = !json_is_null(json_object_get(record, "target")) &&
                      !json_is_true(json_object_get(record, "met"));
        if (!fr_cli_json(cli))
            print_record(record, out_dir);
        else if (fr_cli_put_json(cli, json_incref(record)) != 0)
            rc = fr_fail(err, FR_E_IO, NULL, "cannot write the output");
        if (rc == 0 && missed)
            rc = fr_fail(err, FR_E_LIMIT, "Add a larger candidate, or climb with `frugal adapt`.",
                         "no candidate reaches the target with the lower end of its 95%% interval");
    }
    json_decref(record);
    free(out_dir);
    return rc;
}
