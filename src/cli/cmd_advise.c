/* frugal advise: what to change, with the evidence. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "plan/advise.h"

static const fr_option OPTIONS[] = {
    { "days", 0, FR_OPTION_F64, "N", "look at the runs of the last N days (default 30)" },
    { "limit", 'n', FR_OPTION_I64, "N", "show at most N findings (default 8; 0: all)" },
    { "rules", 0, FR_OPTION_FLAG, NULL, "list what is looked at, and stop" },
    { "no-live", 0, FR_OPTION_FLAG, NULL, "leave the machine alone: the ledger only" },
    { "sysfs", 0, FR_OPTION_TEXT, "DIR", "look at the machine there instead of /sys" },
    { "procfs", 0, FR_OPTION_TEXT, "DIR", "and there instead of /proc" },
    FR_OPTIONS_END,
};

static int put_rules(fr_cli *cli)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < fr_advise_rules_n; i++) {
        const fr_advise_rule *r = &fr_advise_rules[i];
        if (!fr_cli_json(cli))
            printf("  %-16s %s\n", r->id, r->looks_at);
        json_array_append_new(rows, json_pack("{s:s,s:s}", "id", r->id, "looks_at", r->looks_at));
    }
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, json_pack("{s:o}", "rules", rows));
    json_decref(rows);
    return 0;
}

static json_t *advice_json(const fr_advice *a)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "id", a->id, "finding", a->what,
                     "evidence", a->evidence, "try", a->try_it, "grade", fr_grade_name(a->grade),
                     "saving_low_j", fr_json_f64(a->low_j), "saving_high_j", fr_json_f64(a->high_j),
                     "saving_low_g", fr_json_f64(a->low_g), "saving_high_g",
                     fr_json_f64(a->high_g));
}

/* Words of a line below one another, so that nothing runs out of a narrow terminal. */
static void put_wrapped(const char *head, const char *text)
{
    int columns = fr_cli_columns(), indent = (int)strlen(head), at = indent;
    printf("%s", head);
    fr_str rest = fr_str_of(text), word;
    for (bool first = true; fr_str_next(&rest, ' ', &word); first = false) {
        if (!first && at + 1 + (int)word.n > columns - 1) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (!first) {
            putchar(' ');
            at++;
        }
        printf("%.*s", FR_STR_F(word));
        at += (int)word.n;
    }
    putchar('\n');
}

static void put_advice(size_t number, const fr_advice *a)
{
    char low[32], high[32], saving[96] = "", head[32];
    fr_text_g(a->low_g, low);
    fr_text_g(a->high_g, high);
    if (!isnan(a->high_g))
        snprintf(saving, sizeof saving, " [%s to %s]", low, high);
    snprintf(head, sizeof head, "%2zu. ", number);
    char *what = NULL;
    if (asprintf(&what, "%s%s", a->what, saving) >= 0)
        put_wrapped(head, what);
    free(what);
    put_wrapped("      seen: ", a->evidence);
    put_wrapped("      try:  ", a->try_it);
    if (a->grade != FR_GRADE_NONE)
        printf("      grade %s, %s\n", fr_grade_name(a->grade), a->id);
    else
        printf("      %s\n", a->id);
}

static int tell(fr_cli *cli, const fr_advice_list *list, size_t n_runs, double days)
{
    long long limit = fr_arg_i64(cli, "limit", 8);
    size_t n = limit > 0 && (size_t)limit < list->n ? (size_t)limit : list->n;
    if (fr_cli_json(cli)) {
        json_t *rows = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(rows, advice_json(&list->at[i]));
        return fr_cli_put_json(cli, json_pack("{s:o,s:I,s:f,s:I}", "findings", rows, "runs",
                                              (json_int_t)n_runs, "days", days, "left_out",
                                              (json_int_t)(list->n - n)));
    }
    if (list->n == 0) {
        printf("Nothing to change was found in %zu runs of the last %g days.\n", n_runs, days);
        return 0;
    }
    printf("%zu finding%s in %zu runs of the last %g days; savings are estimates, and overlap\n",
           list->n, list->n == 1 ? "" : "s", n_runs, days);
    for (size_t i = 0; i < n; i++)
        put_advice(i + 1, &list->at[i]);
    if (n < list->n)
        printf("%zu more: --limit 0\n", list->n - n);
    return 0;
}

static int advise(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_advice_list) list = { 0 };
    fr_advise_options options = { .days = fr_arg_f64(cli, "days", 30),
                                  .procfs = fr_arg_text(cli, "procfs", NULL),
                                  .sysfs = fr_arg_text(cli, "sysfs", NULL),
                                  .no_live = fr_arg_flag(cli, "no-live") };
    size_t n_rest = 0;
    char **rest = fr_arg_rest(cli, &n_rest);
    FR_TRY(fr_cli_check_roots(cli, err));
    if (n_rest > 0)
        return fr_fail(err, FR_E_USAGE, "`frugal audit FOLDER` looks at a folder.",
                       "advise looks at the ledger and this machine, not at '%s'", rest[0]);
    if (!(options.days > 0 && options.days < 36500))
        return fr_fail(err, FR_E_USAGE, NULL, "--days takes a number above 0");
    const char *named = fr_cli_ledger(cli);
    char *path = fr_ledger_where(named);
    size_t n_runs = 0;
    int rc = 0;
    if (strstr(path, "://") != NULL || fr_file_exists(path))
        rc = fr_ledger_open(path, &options.ledger, err);
    else if (named != NULL)
        rc = fr_fail(err, FR_E_NOT_FOUND, "Leave --ledger out for your own one.", "no ledger '%s'",
                     path);
    free(path);
    if (rc == 0)
        rc = fr_advise(&options, &list, &n_runs, err);
    fr_ledger_close(options.ledger);
    return rc != 0 ? rc : tell(cli, &list, n_runs, options.days);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    if (fr_arg_flag(cli, "rules"))
        return put_rules(cli);
    return fr_cli_fail(cli, advise(cli, &err), &err);
}

const fr_command FR_COMMAND_advise = {
    .name = "advise",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "tell what to change, ranked, with evidence and estimated saving",
    .examples = "frugal advise  # from the ledger and a look at this machine\n"
                "frugal advise --days 7 --json  # for a program\n"
                "frugal advise --rules  # what is looked at\n",
    .more =
        "Findings are ranked by the middle of their estimated saving in gCO2e; the savings "
        "overlap,\n"
        "so they are not added up. Grade A: counted; B: modelled; C: a place, time or setting "
        "that\n"
        "was not tried. Try one, date it by `frugal ledger change`, and `frugal ledger compare`.",
};
