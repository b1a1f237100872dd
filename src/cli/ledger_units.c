/* frugal ledger unit, frugal ledger change: business numbers and dated interventions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/ledger_words.h"
#include "report/effect.h"
#include "report/series.h"

#define DAY_NS 86400000000000

/* ---- what is told ---- */

static int parse_unit(const char *text, fr_unit *out, char name[64], fr_err *err)
{
    fr_str rest = fr_str_of(text), head;
    if (strchr(text, '=') == NULL || !fr_str_next(&rest, '=', &head) ||
        !fr_str_to_f64(fr_str_trim(rest), &out->value))
        return fr_fail(err, FR_E_USAGE, "As `frugal ledger unit orders=1200`.",
                       "'%s' is not NAME=NUMBER", text);
    head = fr_str_trim(head);
    snprintf(name, 64, "%.*s", (int)FR_MIN(head.n, (size_t)63), head.at);
    out->name = name;
    return 0;
}

static int time_of(fr_cli *cli, fr_ledger *l, fr_unit *out, char id[FR_ULID_TEXT], fr_err *err)
{
    const char *run = fr_arg_text(cli, "run", NULL), *day = fr_arg_text(cli, "day", NULL);
    const char *from = fr_arg_text(cli, "from", NULL), *to = fr_arg_text(cli, "to", NULL);
    if ((run != NULL) + (day != NULL) + (from != NULL || to != NULL) > 1)
        return fr_fail(err, FR_E_USAGE, NULL, "one of --run, --day and --from with --to is enough");
    if ((from == NULL) != (to == NULL))
        return fr_fail(err, FR_E_USAGE, "As --from 2026-11-01 --to 2026-12-01.",
                       "--from and --to go together");
    out->start_unix_ns = fr_now_unix_ns() / DAY_NS * DAY_NS;
    FR_TRY(fr_ledger_date("day", day, &out->start_unix_ns, err));
    out->end_unix_ns = out->start_unix_ns + DAY_NS;
    FR_TRY(fr_ledger_date("from", from, &out->start_unix_ns, err));
    FR_TRY(fr_ledger_date("to", to, &out->end_unix_ns, err));
    if (run == NULL)
        return 0;
    FR_AUTO(fr_run_list) one = { 0 };
    FR_TRY(fr_ledger_find(l, run, &one, err));
    memcpy(id, one.at[0].id, FR_ULID_TEXT);
    out->run = id;
    out->start_unix_ns = one.at[0].start_unix_ns;
    out->end_unix_ns = FR_MAX(one.at[0].end_unix_ns, out->start_unix_ns + 1);
    return 0;
}

static int tell(fr_cli *cli, size_t n)
{
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, json_pack("{s:I}", "recorded", (json_int_t)n));
    printf("%zu recorded; `frugal ledger unit` shows the series\n", n);
    return 0;
}

static int add_file(fr_cli *cli, fr_ledger *l, const char *path, fr_err *err)
{
    fr_unit *units = NULL;
    size_t n = 0;
    FR_TRY(fr_units_load(path, &units, &n, err));
    int rc = fr_ledger_units_add(l, units, n, err);
    fr_units_free(units, n);
    return rc != 0 ? rc : tell(cli, n);
}

static int add_words(fr_cli *cli, fr_ledger *l, char **words, size_t n, fr_err *err)
{
    fr_unit *units = FR_NEW_N(fr_unit, n);
    char(*names)[64] = fr_array(n, 64), id[FR_ULID_TEXT];
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = time_of(cli, l, &units[i], id, err);
        if (rc == 0)
            rc = parse_unit(words[i], &units[i], names[i], err);
    }
    if (rc == 0)
        rc = fr_ledger_units_add(l, units, n, err);
    free(units);
    free(names);
    return rc != 0 ? rc : tell(cli, n);
}

/* ---- the series ---- */

static json_t *row_json(const fr_series_row *r)
{
    char from[FR_TIME_TEXT], to[FR_TIME_TEXT];
    fr_time_text(r->start_unix_ns, from);
    fr_time_text(r->end_unix_ns, to);
    return json_pack(
        "{s:s,s:s,s:s,s:o,s:f,s:I,s:o,s:o,s:o,s:o,s:o,s:s,s:b}", "unit", r->name, "from", from,
        "to", to, "run", r->run[0] != '\0' ? json_string(r->run) : json_null(), "units", r->units,
        "runs", (json_int_t)r->n_runs, "energy_j", fr_json_f64(r->energy_j), "carbon_g",
        fr_json_f64(r->carbon_g), "cpu_s", fr_json_f64(r->cpu_s), "energy_j_per_unit",
        fr_json_f64(r->j_per_unit), "carbon_g_per_unit", fr_json_f64(r->g_per_unit), "method",
        fr_method_name(r->method), "counted", r->counted);
}

static void put_row(const fr_series_row *r)
{
    char from[FR_TIME_TEXT], to[FR_TIME_TEXT], when[32], total[32], each[32], energy[32];
    fr_time_text(r->start_unix_ns, from);
    fr_time_text(r->end_unix_ns, to);
    if (r->run[0] != '\0')
        snprintf(when, sizeof when, "run %.14s", r->run);
    else if (r->end_unix_ns - r->start_unix_ns == DAY_NS && strcmp(from + 10, "T00:00:00Z") == 0)
        snprintf(when, sizeof when, "%.10s", from);
    else
        snprintf(when, sizeof when, "%.10s to %.10s", from, to);
    fr_text_g(r->carbon_g, total);
    fr_text_j(r->energy_j, energy);
    fr_text_g(r->g_per_unit, each);
    bool none = r->n_runs == 0;
    printf("%-12.12s %-24s %10g %5zu %11s %12s %13s\n", r->name, when, r->units, r->n_runs,
           none ? "-" : energy, none ? "-" : total, none ? "no run" : each);
}

static int put_series(fr_cli *cli, fr_ledger *l, const char *name, fr_err *err)
{
    FR_AUTO(fr_series) s = { 0 };
    if (l != NULL)
        FR_TRY(fr_series_of(l, name, &s, err));
    if (fr_cli_json(cli)) {
        json_t *rows = json_array();
        for (size_t i = 0; i < s.n; i++)
            json_array_append_new(rows, row_json(&s.at[i]));
        return fr_cli_put_json(cli, json_pack("{s:o}", "units", rows));
    }
    if (s.n == 0) {
        printf("No %s counted yet: `frugal ledger unit orders=1200` for today, --csv FILE for many "
               "days.\n",
               name != NULL ? name : "units");
        return 0;
    }
    printf("%-12s %-24s %10s %5s %11s %12s %13s\n", "unit", "when (UTC)", "units", "runs", "energy",
           "carbon", "per unit");
    for (size_t i = 0; i < s.n; i++)
        put_row(&s.at[i]);
    return 0;
}

int fr_ledger_word_unit(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    size_t n = 0;
    char **rest = fr_arg_rest(cli, &n);
    const char *csv = fr_arg_text(cli, "csv", NULL);
    bool tells = csv != NULL || (n > 1 && strchr(rest[1], '=') != NULL);
    if (!tells)
        return put_series(cli, l, n > 1 ? rest[1] : NULL, err);
    if (l == NULL)
        return fr_ledger_none(err);
    if (csv != NULL && n > 1)
        return fr_fail(err, FR_E_USAGE, NULL, "--csv brings its own names: leave '%s' out",
                       rest[1]);
    return csv != NULL ? add_file(cli, l, csv, err) : add_words(cli, l, rest + 1, n - 1, err);
}

/* ---- changes ---- */

static json_t *effect_json(const fr_effect *e)
{
    const fr_interval *by = &e->c.by;
    return json_pack("{s:s,s:I,s:I,s:s,s:s,s:o,s:o,s:o,s:b,s:o}", "runs", e->name, "before",
                     (json_int_t)e->n_before, "after", (json_int_t)e->n_after, "judged",
                     e->c.judged, "grade", fr_grade_name(e->c.grade), "value_ratio",
                     fr_json_f64(by->value), "low_ratio", fr_json_f64(by->low), "high_ratio",
                     fr_json_f64(by->high), "tie", e->c.tie, "why",
                     e->c.why != NULL ? json_string(e->c.why) : json_null());
}

static void put_effect(const fr_effect *e)
{
    printf("    %s: %zu before, %zu after: %+.1f%% %s", e->name, e->n_before, e->n_after,
           100 * e->c.by.value, e->c.judged);
    if (!isnan(e->c.by.low))
        printf(" (%+.1f to %+.1f%%)", 100 * e->c.by.low, 100 * e->c.by.high);
    printf(", grade %s%s%s\n", fr_grade_name(e->c.grade), e->c.tie ? "; a tie: " : "",
           e->c.tie ? e->c.why : "");
}

/* Each change, and what the runs of one name on both sides of it tell. */
static json_t *put_change(fr_cli *cli, const fr_change *change, size_t which,
                          const fr_effects *effects)
{
    char at[FR_TIME_TEXT];
    json_t *list = json_array();
    fr_time_text(change->at_unix_ns, at);
    if (!fr_cli_json(cli))
        printf("%.10s %.5s  %s\n", at, at + 11, change->text);
    for (size_t i = 0; i < effects->n; i++) {
        if (effects->at[i].change != which)
            continue;
        json_array_append_new(list, effect_json(&effects->at[i]));
        if (!fr_cli_json(cli))
            put_effect(&effects->at[i]);
    }
    return json_pack("{s:s,s:s,s:o}", "at", at, "text", change->text, "effects", list);
}

static int put_changes(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    FR_AUTO(fr_effects) effects = { 0 };
    fr_change *changes = NULL;
    size_t n = 0;
    if (l != NULL)
        FR_TRY(fr_effects_of(l, &effects, err));
    if (l != NULL)
        FR_TRY(fr_ledger_changes(l, &changes, &n, err));
    json_t *rows = json_array();
    if (n == 0 && !fr_cli_json(cli))
        printf("No changes yet: `frugal ledger change \"batch of 8\"` dates one.\n");
    for (size_t i = 0; i < n; i++)
        json_array_append_new(rows, put_change(cli, &changes[i], i, &effects));
    fr_changes_free(changes, n);
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, json_pack("{s:o}", "changes", rows));
    json_decref(rows);
    return 0;
}

int fr_ledger_word_change(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    size_t n = 0;
    char **rest = fr_arg_rest(cli, &n);
    int64_t at = fr_now_unix_ns();
    char when[FR_TIME_TEXT];
    if (n < 2)
        return put_changes(cli, l, err);
    if (n > 2)
        return fr_fail(err, FR_E_USAGE, "As frugal ledger change \"batch of 8\".",
                       "the change is more than one word: put it in quotes");
    json_t *check = json_string(rest[1]);
    json_decref(check);
    if (check == NULL || rest[1][0] == '\0' || strlen(rest[1]) > 500)
        return fr_fail(err, FR_E_USAGE, NULL, "a change is a text of 1 to 500 bytes of UTF-8");
    FR_TRY(fr_ledger_date("at", fr_arg_text(cli, "at", NULL), &at, err));
    FR_TRY(fr_ledger_change(l, at, rest[1], err));
    fr_time_text(at, when);
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, json_pack("{s:s,s:s}", "at", when, "text", rest[1]));
    printf("%s  %s; `frugal report` tells before and after\n", when, rest[1]);
    return 0;
}
