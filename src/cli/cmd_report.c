/* frugal report: a verdict or the ledger as one HTML file. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "report/report.h"

#define VERDICT_MOST_BYTES ((size_t)64 << 20)

static const fr_option OPTIONS[] = {
    { "output", 'o', FR_OPTION_TEXT, "FILE",
      "where to write it (default report.html; - is stdout)" },
    { "text", 0, FR_OPTION_FLAG, NULL, "a table and a plot on stdout instead of a file" },
    FR_OPTIONS_END,
};

static int load(const char *path, json_t **out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    json_error_t why;
    FR_TRY(fr_file_read(path, VERDICT_MOST_BYTES, &text, err));
    *out = json_loadb(fr_buf_text(&text), text.n, 0, &why);
    if (*out == NULL)
        return fr_fail(err, FR_E_FORMAT, "It should be what `frugal adapt --json` printed.",
                       "'%s' is not JSON: line %d: %s", path, why.line, why.text);
    if (!json_is_array(json_object_get(*out, "rungs")))
        return fr_fail(err, FR_E_FORMAT, "It should be what `frugal adapt --json` printed.",
                       "'%s' is not a verdict: it has no list \"rungs\"", path);
    return 0;
}

/* Looking makes nothing: a ledger that is not there is none, unless it was named. */
static int open_ledger(fr_cli *cli, fr_ledger **out, fr_err *err)
{
    const char *named = fr_cli_ledger(cli);
    char *path = fr_ledger_where(named);
    int rc = 0;
    if (strstr(path, "://") != NULL || fr_file_exists(path))
        rc = fr_ledger_open(path, out, err);
    else if (named != NULL)
        rc = fr_fail(err, FR_E_NOT_FOUND, "Leave --ledger out for your own one.", "no ledger '%s'",
                     path);
    free(path);
    return rc;
}

static void put_text(json_t *const *verdicts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        FR_AUTO(fr_buf) text = { 0 };
        const char *task = json_string_value(json_object_get(verdicts[i], "task"));
        int columns = fr_cli_columns();
        fr_buf_put_f(&text, "%s%s\n\n", i > 0 ? "\n" : "", task != NULL ? task : "unnamed task");
        fr_report_table(verdicts[i], columns, fr_cli_is_terminal(stdout), &text);
        fr_buf_put_c(&text, '\n');
        fr_report_plot(verdicts[i], columns, 16, &text);
        fputs(fr_buf_text(&text), stdout);
    }
}

static int write_page(fr_cli *cli, json_t *const *verdicts, size_t n, fr_ledger *ledger,
                      fr_err *err)
{
    FR_AUTO(fr_buf) page = { .limit_bytes = (size_t)256 << 20 };
    FR_TRY(fr_report_html((const json_t *const *)verdicts, n, ledger, &page, err));
    const char *path = fr_arg_text(cli, "output", "report.html");
    if (strcmp(path, "-") == 0) {
        fputs(fr_buf_text(&page), stdout);
        return 0;
    }
    FR_TRY(fr_file_write(path, fr_buf_str(&page), err));
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, json_pack("{s:s,s:I,s:I}", "report", path, "bytes",
                                              (json_int_t)page.n, "verdicts", (json_int_t)n));
    printf("%s (%zu KiB)\n", path, (page.n + 1023) / 1024);
    return 0;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    size_t n = 0;
    char **paths = fr_arg_rest(cli, &n);
    json_t **verdicts = FR_NEW_N(json_t *, n);
    fr_ledger *ledger = NULL;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = load(paths[i], &verdicts[i], &err);
    if (rc == 0)
        rc = open_ledger(cli, &ledger, &err);
    if (rc == 0 && fr_arg_flag(cli, "text")) {
        if (n == 0)
            rc = fr_fail(&err, FR_E_USAGE, "`frugal ledger` lists what was recorded.",
                         "--text needs a verdict");
        else
            put_text(verdicts, n);
    } else if (rc == 0) {
        rc = write_page(cli, verdicts, n, ledger, &err);
    }
    fr_ledger_close(ledger);
    for (size_t i = 0; i < n; i++)
        json_decref(verdicts[i]);
    free(verdicts);
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_COMMAND_report = {
    .name = "report",
    .run = run,
    .options = OPTIONS,
    .arguments = "[VERDICT.json…]",
    .summary = "make a page of a verdict, or of what the ledger holds",
    .examples = "frugal report  # what the ledger holds, as report.html\n"
                "frugal report adapted/routing/verdict.json -o routing.html\n"
                "frugal report --text adapted/routing/verdict.json  # a table and a plot here\n",
    .more =
        "The page is one file that loads nothing from anywhere; it follows the reader's light or\n"
        "dark setting and prints. Several verdicts stand in one page. Energy over time and\n"
        "earlier climbs come from the ledger, where it has them.",
};
