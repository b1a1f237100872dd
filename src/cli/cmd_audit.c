/* frugal audit: a project against the known good practice, with evidence. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "plan/audit.h"

static const fr_option OPTIONS[] = {
    { "stage", 0, FR_OPTION_TEXT, "WORD", "only the stages whose name begins so" },
    { "open", 0, FR_OPTION_FLAG, NULL, "only what is open" },
    { "least", 0, FR_OPTION_F64, "P", "end with 3 when less than P% of what applies is done" },
    FR_OPTIONS_END,
};

static bool is_shown(const fr_cli *cli, const fr_audit_row *row)
{
    const char *stage = fr_arg_text(cli, "stage", NULL);
    return (stage == NULL || strncmp(row->stage, stage, strlen(stage)) == 0) &&
           (!fr_arg_flag(cli, "open") || row->status == FR_AUDIT_OPEN);
}

static double score_of(const fr_audit_result *a)
{
    size_t applies = a->n - a->n_not_applicable;
    return applies > 0 ? (double)a->n_done / (double)applies : 1;
}

static int put_json(fr_cli *cli, const fr_audit_result *a)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < a->n; i++) {
        const fr_audit_row *r = &a->at[i];
        if (!is_shown(cli, r))
            continue;
        json_array_append_new(
            rows, json_pack("{s:i,s:s,s:s,s:s,s:s,s:o}", "id", r->id, "stage", r->stage, "practice",
                            r->practice, "status", fr_audit_status_name(r->status), "evidence",
                            r->evidence, "command",
                            r->command[0] != '\0' ? json_string(r->command) : json_null()));
    }
    return fr_cli_put_json(
        cli,
        json_pack("{s:o,s:I,s:I,s:I,s:o,s:I,s:I,s:b}", "practices", rows, "done",
                  (json_int_t)a->n_done, "not_applicable", (json_int_t)a->n_not_applicable, "open",
                  (json_int_t)a->n_open, "done_ratio", fr_json_f64(score_of(a)), "runs",
                  (json_int_t)a->n_runs, "tasks", (json_int_t)a->n_tasks, "config", a->has_config));
}

static void put_text(fr_cli *cli, const fr_audit_result *a)
{
    static const char *const MARKS[] = { "open", "done", "n/a " };
    const char *stage = "";
    printf("%zu of %zu practices that apply are done (%.0f%%); %zu do not apply\n"
           "from %zu runs, %zu task files%s\n",
           a->n_done, a->n - a->n_not_applicable, 100 * score_of(a), a->n_not_applicable, a->n_runs,
           a->n_tasks, a->has_config ? " and frugal.yaml" : "; no frugal.yaml");
    for (size_t i = 0; i < a->n; i++) {
        const fr_audit_row *r = &a->at[i];
        if (!is_shown(cli, r))
            continue;
        if (strcmp(stage, r->stage) != 0)
            printf("\n%s\n", r->stage);
        stage = r->stage;
        printf("  %s %3d  %s\n", MARKS[r->status], r->id, r->practice);
        if (r->status != FR_AUDIT_OPEN)
            printf("            %s\n", r->evidence);
        else if (r->command[0] != '\0')
            printf("            %s: %s\n", r->evidence, r->command);
        else
            printf("            %s\n", r->evidence);
    }
}

/* The stages there are, in order, for who named none of them. */
static int check_stage(fr_cli *cli, const fr_audit_result *a, fr_err *err)
{
    const char *wanted = fr_arg_text(cli, "stage", NULL), *last = "";
    FR_AUTO(fr_buf) hint = { 0 };
    for (size_t i = 0; wanted != NULL && i < a->n; i++) {
        const char *stage = a->at[i].stage;
        if (strncmp(stage, wanted, strlen(wanted)) == 0)
            return 0;
        if (strcmp(stage, last) != 0)
            fr_buf_put_f(&hint, "%s%s", i == 0 ? "There are: " : ", ", stage);
        last = stage;
    }
    return wanted == NULL
               ? 0
               : fr_fail(err, FR_E_USAGE, fr_buf_text(&hint), "no stage begins with '%s'", wanted);
}

static int audit(fr_cli *cli, fr_err *err)
{
    size_t n = 0;
    char **rest = fr_arg_rest(cli, &n);
    fr_audit_options options = { .folder = n > 0 ? rest[0] : "." };
    FR_AUTO(fr_audit_result) result = { 0 };
    double least = fr_arg_f64(cli, "least", 0);
    if (!(least >= 0 && least <= 100))
        return fr_fail(err, FR_E_USAGE, NULL, "--least takes 0 to 100 (%%), not %g", least);
    if (n > 1)
        return fr_fail(err, FR_E_USAGE, NULL, "one folder at a time, not '%s' too", rest[1]);
    if (!fr_dir_exists(options.folder))
        return fr_fail(err, FR_E_NOT_FOUND, "Name the project's folder.", "no folder '%s'",
                       options.folder);
    const char *named = fr_cli_ledger(cli);
    char *path = fr_ledger_where(named);
    int rc = 0;
    if (strstr(path, "://") != NULL || fr_file_exists(path))
        rc = fr_ledger_open(path, &options.ledger, err);
    else if (named != NULL)
        rc = fr_fail(err, FR_E_NOT_FOUND, "Leave --ledger out for your own one.", "no ledger '%s'",
                     path);
    free(path);
    if (rc == 0)
        rc = fr_audit(&options, &result, err);
    fr_ledger_close(options.ledger);
    FR_TRY(rc);
    FR_TRY(check_stage(cli, &result, err));
    if (fr_cli_json(cli))
        FR_TRY(put_json(cli, &result));
    else
        put_text(cli, &result);
    if (100 * score_of(&result) < least)
        return fr_fail(err, FR_E_LIMIT, "`frugal audit --open` lists what is.",
                       "%.0f%% of what applies is done, less than %g%%", 100 * score_of(&result),
                       least);
    return 0;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, audit(cli, &err), &err);
}

const fr_command FR_COMMAND_audit = {
    .name = "audit",
    .run = run,
    .options = OPTIONS,
    .arguments = "[FOLDER]",
    .summary = "hold a project against the 114 practices, with evidence",
    .examples = "frugal audit  # this folder and your ledger\n"
                "frugal audit --open --stage prompts  # what is left to do there\n"
                "frugal audit --least 40 --json  # gates a CI\n",
    .more = "Evidence is what was recorded (runs, strategies, places, units, changes) and what is "
            "written\n"
            "(frugal.yaml, task files). What only people can answer stays open. A practice does "
            "not apply\n"
            "when the project's own runs show that it does not do such a thing.",
};
