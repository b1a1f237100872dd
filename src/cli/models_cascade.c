/* frugal models cascade: a small model answers, a large one where the small one is not sure. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "choose/cascade.h"
#include "cli/models_commands.h"

static double at(const json_t *o, const char *part, const char *key)
{
    const json_t *v = json_object_get(part != NULL ? json_object_get(o, part) : o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void print_row(const char *what, const json_t *record, const char *part, double small,
                      double large)
{
    const json_t *o = json_object_get(record, part), *q = json_object_get(o, "quality");
    char joules[32];
    fr_text_j(at(o, NULL, "energy_j_per_request"), joules);
    const char *method = json_string_value(json_object_get(o, "method"));
    bool measured = method != NULL && strcmp(method, "measured") == 0;
    printf("%-9s %-20.20s %.3f (%.3f-%.3f) %7.0f %7.0f  %s%-9s %9.3g\n", what,
           part[0] == 'c' ? "" : json_string_value(json_object_get(o, "model")),
           at(q, NULL, "value"), at(q, NULL, "ci_low"), at(q, NULL, "ci_high"), small, large,
           measured ? " " : "~", joules, at(o, NULL, "cpu_s_per_request"));
}

static void print_record(const json_t *record, const char *out_dir)
{
    double n = at(json_object_get(record, "cascade"), "quality", "n");
    const json_t *calls = json_object_get(json_object_get(record, "cascade"), "calls");
    const json_t *d = json_object_get(record, "difference"), *s = json_object_get(record, "saving");
    printf("%-9s %-20s %-19s %7s %7s  %-10s %9s\n", "", "model",
           json_string_value(json_object_get(record, "metric")), "small", "large", "J/request",
           "CPU s");
    print_row("small", record, "small", n, 0);
    print_row("large", record, "large", 0, n);
    print_row("cascade", record, "cascade", at(calls, NULL, "small"), at(calls, NULL, "large"));
    printf("small answers alone where it gives its answer a probability of %.3f or more (chosen on "
           "%.0f rows).\n",
           at(record, NULL, "threshold"), at(record, "chosen_on", "rows"));
    printf("quality, cascade less large: %+.3f (%+.3f to %+.3f)%s; CPU-seconds less than large "
           "alone: %.0f%%%s.\n",
           at(d, NULL, "value"), at(d, NULL, "low"), at(d, NULL, "high"),
           json_is_true(json_object_get(d, "tie")) ? ", a tie" : "", 100 * at(s, NULL, "cpu_ratio"),
           strcmp(json_string_value(json_object_get(s, "grade")), "A") == 0 ? "" : " (grade B)");
    if (strcmp(json_string_value(json_object_get(s, "grade")), "A") == 0)
        printf("joules less than large alone: %.0f%% (grade A).\n",
               100 * at(s, NULL, "energy_ratio"));
    printf("use it: frugal adapt --answer %s < questions.txt\n", out_dir);
}

static int build(fr_cli *cli, fr_task *task, const char *small, const char *large,
                 const char *out_dir, json_t **record, fr_err *err)
{
    fr_run *run = NULL;
    FR_TRY(fr_cli_run_begin(cli, "models", "cascade", &run, err));
    fr_cascade_options options = { .task = task,
                                   .run = run,
                                   .small = small,
                                   .large = large,
                                   .strategy = fr_arg_text(cli, "strategy", NULL),
                                   .out_dir = out_dir,
                                   .measure_s = fr_arg_f64(cli, "measure", 0),
                                   .threads = (int)fr_arg_i64(cli, "threads", 0),
                                   .seed = (uint64_t)fr_arg_i64(cli, "seed", 1),
                                   .progress = fr_cli_progress(cli, run) };
    int rc = fr_cascade_build(&options, record, err);
    fr_cli_progress(cli, NULL);
    fr_err dropped = { 0 };
    int ended =
        fr_run_end(run, rc == 0 ? "done" : "failed", rc != 0, NULL, NULL, rc == 0 ? err : &dropped);
    return rc != 0 ? rc : ended;
}

int fr_models_cascade(fr_cli *cli, fr_err *err)
{
    FR_AUTOPTR(fr_task) task = NULL;
    const char *small = NULL, *large = NULL, *path = NULL, *named = fr_arg_text(cli, "out", NULL);
    json_t *record = NULL;
    FR_TRY(fr_arg_need(cli, 1, "the small model", &small, err));
    FR_TRY(fr_arg_need(cli, 2, "the large model", &large, err));
    FR_TRY(fr_arg_need(cli, 3, "a task file", &path, err));
    FR_TRY(fr_task_load(path, &task, err));
    char *out_dir = named != NULL ? fr_dup(named) : fr_path_join("cascades", fr_task_name(task));
    int rc = build(cli, task, small, large, out_dir, &record, err);
    if (rc == 0 && !fr_cli_json(cli))
        print_record(record, out_dir);
    else if (rc == 0 && fr_cli_put_json(cli, json_incref(record)) != 0)
        rc = fr_fail(err, FR_E_IO, NULL, "cannot write the output");
    json_decref(record);
    free(out_dir);
    return rc;
}
