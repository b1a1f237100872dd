/* frugal ledger: what was recorded: list, show, export, prune, verify; other words have files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/account_lines.h"
#include "cli/cli.h"
#include "cli/ledger_words.h"
#include "ledger/ledger.h"

static const char *const SUBCOMMANDS[] = { "list",   "show",   "compare", "unit",  "change",
                                           "signal", "export", "verify",  "prune", NULL };

static const fr_option OPTIONS[] = {
    { "kind", 0, FR_OPTION_TEXT, "KIND", "list: only runs of this kind (meter, adapt, train…)" },
    { "status", 0, FR_OPTION_TEXT, "WORD", "list: only this status (done, interrupted…)" },
    { "since", 0, FR_OPTION_TEXT, "DATE", "list: only runs that began then or later" },
    { "limit", 'n', FR_OPTION_I64, "N", "list: at most N runs (default 20; 0: all)" },
    { "all", 'a', FR_OPTION_FLAG, NULL, "list: also phases and runs inside others" },
    { "format", 'f', FR_OPTION_TEXT, "csv|jsonl", "export: the form (default jsonl)" },
    { "output", 'o', FR_OPTION_TEXT, "FILE", "export: write there instead of to stdout" },
    { "before", 0, FR_OPTION_TEXT, "DATE", "prune: runs that ended before it" },
    { "older-than", 0, FR_OPTION_F64, "DAYS", "prune: runs that ended more than DAYS ago" },
    { "unit", 'u', FR_OPTION_TEXT, "NAME", "compare: per unit of this work that the runs counted" },
    { "max-regression", 0, FR_OPTION_TEXT, "P%",
      "compare: end with 3 when the second takes more than P% more" },
    { "csv", 0, FR_OPTION_TEXT, "FILE", "unit: a heading date,orders,… and a row a day" },
    { "day", 0, FR_OPTION_TEXT, "DATE", "unit: of that day (default today, UTC)" },
    { "from", 0, FR_OPTION_TEXT, "DATE", "unit: of the time from there" },
    { "to", 0, FR_OPTION_TEXT, "DATE", "unit: up to there" },
    { "run", 0, FR_OPTION_TEXT, "ID", "unit: of that run; bundle: only that one" },
    { "bundle", 0, FR_OPTION_TEXT, "FILE", "export: all that verify needs, as a tar file" },
    { "key", 0, FR_OPTION_TEXT, "FILE", "bundle: sign by this Ed25519 key; verify: who must have" },
    { "at", 0, FR_OPTION_TEXT, "DATE", "change: when it was made (default now)" },
    FR_OPTIONS_END,
};

/* ---- list ---- */

int fr_ledger_date(const char *option, const char *text, int64_t *out, fr_err *err)
{
    if (text == NULL || fr_time_parse(text, out))
        return 0;
    return fr_fail(err, FR_E_USAGE, "Write it as 2026-11-22 or 2026-11-22T18:55:06Z (UTC).",
                   "--%s '%s' is not a date", option, text);
}

int fr_ledger_none(fr_err *err)
{
    return fr_fail(err, FR_E_NOT_FOUND, "`frugal meter -- COMMAND` records the first one.",
                   "there are no runs yet");
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* Characters, not bytes: a name may hold any letters. */
static void put_padded(const char *text, int width)
{
    int shown = 0;
    for (const char *c = text; *c != '\0' && shown < width; c++) {
        if ((*c & 0xc0) != 0x80)
            shown++;
        if (shown == width && (c[1] & 0xc0) != 0x80 && c[1] != '\0') {
            fputs("…", stdout); /* the next one would not fit */
            return;
        }
        putchar((unsigned char)*c < ' ' ? ' ' : *c);
    }
    for (; shown < width; shown++)
        putchar(' ');
}

static void put_row(const fr_run_record *r)
{
    char start[FR_TIME_TEXT], energy[48], carbon[32];
    fr_time_text(r->start_unix_ns, start);
    start[16] = '\0';
    start[10] = ' ';
    fr_text_energy(r->energy, energy);
    fr_text_g(r->carbon_g, carbon);
    char *unit = strstr(carbon, "CO2e");
    if (unit != NULL)
        *unit = '\0';
    char *what = fr_dup_f("%s%s%s", r->kind, r->name != NULL ? " " : "", or_empty(r->name));
    printf("%.14s  ", r->id);
    put_padded(start, 16);
    printf("  ");
    put_padded(what, 18);
    printf(" %9s %8s  %s%s\n", isnan(r->energy.value_j) ? "-" : energy,
           isnan(r->carbon_g) ? "-" : carbon, r->status, r->leaf ? "" : " (inside another)");
    free(what);
}

static int list(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    fr_ledger_query query = { .kind = fr_arg_text(cli, "kind", NULL),
                              .status = fr_arg_text(cli, "status", NULL),
                              .limit = (size_t)fr_arg_i64(cli, "limit", 20),
                              .top_only = !fr_arg_flag(cli, "all") };
    FR_TRY(fr_ledger_date("since", fr_arg_text(cli, "since", NULL), &query.since_unix_ns, err));
    FR_AUTO(fr_run_list) runs = { 0 };
    if (l != NULL)
        FR_TRY(fr_ledger_list(l, &query, &runs, err));
    if (fr_cli_json(cli)) {
        json_t *rows = json_array();
        for (size_t i = 0; i < runs.n; i++)
            json_array_append_new(rows, fr_run_record_json(&runs.at[i]));
        return fr_cli_put_json(cli, json_pack("{s:o}", "runs", rows));
    }
    if (runs.n == 0) {
        printf("No runs yet. `frugal meter -- COMMAND` records the first one.\n");
        return 0;
    }
    printf("%-14s  %-16s  %-18s %9s %8s  %s\n", "run", "began (UTC)", "what", "energy", "carbon",
           "status");
    for (size_t i = 0; i < runs.n; i++)
        put_row(&runs.at[i]);
    return 0;
}

/* ---- show ---- */

static int children_of(fr_ledger *l, const char *id, fr_run_list *out, fr_err *err)
{
    FR_TRY(fr_ledger_list(l, &(fr_ledger_query){ .parent = id }, out, err));
    for (size_t i = 0; i < out->n / 2; i++) { /* oldest first, as they ran */
        fr_run_record swap = out->at[i];
        out->at[i] = out->at[out->n - 1 - i];
        out->at[out->n - 1 - i] = swap;
    }
    return 0;
}

static json_t *account_json(const fr_account_view *view, const fr_note *notes, size_t n)
{
    json_t *o = fr_account_json(view);
    json_object_set_new(o, "hourly", fr_hours_json(notes, n, FR_SIGNAL_AVERAGE));
    json_object_set_new(o, "marginal", fr_hours_json(notes, n, FR_SIGNAL_MARGINAL));
    return o;
}

static int tree_json(fr_ledger *l, const fr_run_record *r, int depth, json_t **out, fr_err *err)
{
    fr_note *notes = NULL;
    fr_bucket *buckets = NULL;
    size_t n_notes = 0, n_buckets = 0;
    FR_TRY(fr_ledger_notes(l, r->id, &notes, &n_notes, err));
    fr_factors factors;
    fr_embodied embodied;
    fr_account_view view;
    *out = fr_run_record_json(r);
    json_object_set_new(*out, "notes", fr_notes_json(notes, n_notes));
    if (fr_account_of_run(r, notes, n_notes, &factors, &embodied, &view))
        json_object_set_new(*out, "account", account_json(&view, notes, n_notes));
    fr_notes_free(notes, n_notes);
    FR_TRY(fr_ledger_buckets(l, r->id, &buckets, &n_buckets, err));
    json_object_set_new(*out, "devices", fr_devices_json(buckets, n_buckets));
    fr_buckets_free(buckets, n_buckets);
    FR_AUTO(fr_run_list) inside = { 0 };
    if (depth < 32)
        FR_TRY(children_of(l, r->id, &inside, err));
    json_t *children = json_array();
    json_object_set_new(*out, "children", children);
    for (size_t i = 0; i < inside.n; i++) {
        json_t *child = NULL;
        int rc = tree_json(l, &inside.at[i], depth + 1, &child, err);
        if (child != NULL)
            json_array_append_new(children, child);
        FR_TRY(rc);
    }
    return 0;
}

static void put_line(const char *what, const fr_run_record *r, int depth, double of_j)
{
    char energy[48], duration[FR_TIME_TEXT], cpu[FR_TIME_TEXT], share[16] = "";
    fr_text_energy(r->energy, energy);
    fr_duration_text(r->duration_s, duration);
    fr_duration_text(r->cpu_s, cpu);
    if (of_j > 0 && isfinite(r->energy.value_j))
        snprintf(share, sizeof(share), "%.1f%%", 100 * r->energy.value_j / of_j);
    char *name = fr_dup_f("%*s%s", 2 * depth, "", what);
    printf("  ");
    put_padded(name, 30);
    printf(" %10s %6s  %12s %12s  %s%s\n", isnan(r->energy.value_j) ? "-" : energy, share,
           r->duration_s >= 0 ? duration : "-", r->cpu_s >= 0 ? cpu : "-", or_empty(r->status),
           r->leaf ? "" : " (own meter, not added)");
    free(name);
}

static int put_tree(fr_ledger *l, const fr_run_record *r, int depth, double of_j, fr_err *err)
{
    FR_AUTO(fr_run_list) inside = { 0 };
    FR_TRY(children_of(l, r->id, &inside, err));
    double inside_j = 0, inside_s = 0;
    for (size_t i = 0; i < inside.n && depth < 32; i++) {
        fr_run_record *child = &inside.at[i];
        char *what = fr_dup_f("%s %s", child->kind, or_empty(child->name));
        put_line(what, child, depth, of_j);
        free(what);
        FR_TRY(put_tree(l, child, depth + 1, of_j, err));
        if (child->phase && isfinite(child->energy.value_j)) {
            inside_j += child->energy.value_j;
            inside_s += child->duration_s;
        }
    }
    if (inside.n == 0 || isnan(r->energy.value_j))
        return 0;
    fr_run_record rest = { .energy = r->energy, .leaf = true, .cpu_s = NAN };
    rest.energy.value_j -= inside_j;
    rest.duration_s = r->duration_s - inside_s;
    put_line("remainder (in no phase)", &rest, depth, of_j);
    return 0;
}

/* Buckets of the run and of its phases, summed by device and part. */
static int gather(fr_ledger *l, const char *id, int depth, json_t *sums, fr_err *err)
{
    fr_bucket *b = NULL;
    size_t n = 0;
    FR_TRY(fr_ledger_buckets(l, id, &b, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *key = fr_dup_f("%s\n%s\n%s\n%s", b[i].device, b[i].part, fr_method_name(b[i].method),
                             b[i].source);
        json_t *sum = json_object_get(sums, key);
        json_object_set_new(sums, key, json_integer(json_integer_value(sum) + b[i].energy_uj));
        free(key);
    }
    fr_buckets_free(b, n);
    FR_AUTO(fr_run_list) inside = { 0 };
    FR_TRY(children_of(l, id, &inside, err));
    for (size_t i = 0; i < inside.n && depth < 32; i++)
        if (inside.at[i].phase)
            FR_TRY(gather(l, inside.at[i].id, depth + 1, sums, err));
    return 0;
}

static int put_devices(fr_ledger *l, const fr_run_record *r, fr_err *err)
{
    json_t *sums = json_object();
    int rc = gather(l, r->id, 0, sums, err);
    const char *key;
    json_t *uj;
    if (rc == 0 && json_object_size(sums) > 0)
        printf("\n  %-30s %10s  %-10s %-9s %s\n", "device", "energy", "part", "method", "source");
    json_object_foreach(sums, key, uj)
    {
        fr_str rest = fr_str_of(key), device, part, method;
        fr_str_next(&rest, '\n', &device);
        fr_str_next(&rest, '\n', &part);
        fr_str_next(&rest, '\n', &method);
        char energy[32];
        fr_text_j((double)json_integer_value(uj) * 1e-6, energy);
        char *name = fr_dup_n(device.at, device.n);
        printf("  ");
        put_padded(name, 30);
        printf(" %10s  %-10.*s %-9.*s %.*s\n", energy, FR_STR_F(part), FR_STR_F(method),
               FR_STR_F(rest));
        free(name);
    }
    json_decref(sums);
    return rc;
}

static int put_notes(fr_ledger *l, const fr_run_record *r, fr_err *err)
{
    fr_note *notes = NULL;
    size_t n = 0;
    FR_TRY(fr_ledger_notes(l, r->id, &notes, &n, err));
    size_t n_hours = 0;
    if (n > 0)
        printf("\n  notes\n");
    for (size_t i = 0; i < n; i++) {
        if (strcmp(notes[i].kind, "hour") == 0) { /* may be thousands: --json has them */
            n_hours++;
            continue;
        }
        char *name = fr_dup_f("%s %s", notes[i].kind, notes[i].name);
        printf("  ");
        put_padded(name, 30);
        if (!isnan(notes[i].value))
            printf(" %.6g", notes[i].value);
        if (notes[i].text != NULL)
            printf(" %s", notes[i].text);
        putchar('\n');
        free(name);
    }
    if (n_hours > 0)
        printf("  hours of the grid              %zu figures\n", n_hours);
    fr_notes_free(notes, n);
    return 0;
}

static double work_of(const fr_note *notes, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(notes[i].kind, "work") == 0 && strcmp(notes[i].name, name) == 0)
            return notes[i].value;
    return NAN;
}

/* SCI for AI of a run of ours, whose work was counted: tokens for who uses, FLOP for who makes. */
static void put_sci_ai(const fr_run_record *r, const fr_note *notes, size_t n)
{
    fr_sci_ai_persona persona = fr_sci_ai_of_kind(r->kind);
    bool making = persona == FR_SCI_AI_PROVIDER;
    double units = work_of(notes, n, making ? "flops" : "tokens");
    fr_carbon c = { .total_g = r->carbon_g };
    fr_sci_ai score;
    char each[32];
    if (persona == FR_SCI_AI_NONE || !(units > 0) || isnan(r->carbon_g) ||
        fr_sci_for_ai(&c, persona, making ? "flop" : "token", units, &score, NULL) != 0)
        return;
    fr_text_g(score.g_per, each);
    printf("  SCI, AI   %10s   per %s, %s\n", each, score.per, fr_sci_ai_name(persona));
}

static int put_account(fr_ledger *l, const fr_run_record *r, fr_err *err)
{
    fr_note *notes = NULL;
    size_t n = 0;
    fr_factors factors;
    fr_embodied embodied;
    fr_account_view view;
    FR_TRY(fr_ledger_notes(l, r->id, &notes, &n, err));
    if (fr_account_of_run(r, notes, n, &factors, &embodied, &view)) {
        FR_AUTO(fr_buf) text = { 0 };
        fr_account_text(&view, &text);
        fr_hours_text(notes, n, &text);
        printf("\n  account\n%s", fr_buf_text(&text));
        put_sci_ai(r, notes, n);
    }
    fr_notes_free(notes, n);
    return 0;
}

static void put_head(const fr_run_record *r)
{
    char start[FR_TIME_TEXT], duration[FR_TIME_TEXT], cpu[FR_TIME_TEXT];
    char energy[48], low[32], high[32], carbon[32], operational[32], embodied[32];
    fr_time_text(r->start_unix_ns, start);
    fr_duration_text(r->duration_s, duration);
    fr_duration_text(r->cpu_s, cpu);
    printf("%s%s%s  %s\n", r->kind, r->name != NULL ? " " : "", or_empty(r->name), r->id);
    printf("  status   %s", r->status);
    if (strcmp(r->status, "running") == 0)
        printf(" on %s, process %lld; last record %.0f s after its beginning", or_empty(r->host),
               (long long)r->pid, (double)(r->seen_unix_ns - r->start_unix_ns) * 1e-9);
    else if (r->exit_code > 0)
        printf(" (exit status %d)", r->exit_code);
    printf("\n  began    %s\n", start);
    if (strcmp(r->status, "running") != 0)
        printf("  took     %s%s%s\n", duration, isnan(r->cpu_s) ? "" : ", CPU time ",
               isnan(r->cpu_s) ? "" : cpu);
    if (r->command != NULL)
        printf("  command  %s\n", r->command);
    if (r->strategy != NULL)
        printf("  strategy %s\n", r->strategy);
    if (r->model_hash != NULL)
        printf("  model    %s\n", r->model_hash);
    if (isnan(r->energy.value_j)) {
        printf("  energy   unknown\n");
        return;
    }
    fr_text_energy(r->energy, energy);
    fr_text_j(r->energy.low_j, low);
    fr_text_j(r->energy.high_j, high);
    bool named = r->energy.source != NULL && strcmp(r->energy.source, "sum") != 0;
    printf("  energy   %s (%s to %s), %s%s%s\n", energy, low, high,
           fr_method_name(r->energy.method), named ? ": " : "", named ? r->energy.source : "");
    if (isnan(r->carbon_g)) {
        printf("  carbon   unknown (no place)\n");
        return;
    }
    fr_text_g(r->carbon_g, carbon);
    fr_text_g(r->operational_g, operational);
    fr_text_g(isnan(r->embodied_g) ? 0 : r->embodied_g, embodied);
    printf("  carbon   %s (operational %s, embodied %s)\n", carbon, operational, embodied);
    printf("  place    %s, %.4g g/kWh (%s", or_empty(r->zone), r->intensity_g_per_kwh,
           or_empty(r->basis));
    if (r->grid_year != 0)
        printf(", %d", r->grid_year);
    printf("%s%s), PUE %.3g\n", r->grid_source != NULL ? ", " : "", or_empty(r->grid_source),
           r->pue);
}

static int show(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    const char *id = NULL;
    FR_TRY(fr_arg_need(cli, 1, "the run's ID (or last)", &id, err));
    if (l == NULL)
        return fr_ledger_none(err);
    FR_AUTO(fr_run_list) one = { 0 };
    FR_TRY(fr_ledger_find(l, id, &one, err));
    const fr_run_record *r = &one.at[0];
    if (fr_cli_json(cli)) {
        json_t *tree = NULL;
        int rc = tree_json(l, r, 0, &tree, err);
        if (rc != 0)
            json_decref(tree);
        return rc != 0 ? rc : fr_cli_put_json(cli, json_pack("{s:o}", "run", tree));
    }
    put_head(r);
    printf("\n  %-30s %10s %6s  %12s %12s  %s\n", "phase", "energy", "share", "time", "CPU time",
           "status");
    put_line("whole", r, 0, r->energy.value_j);
    FR_TRY(put_tree(l, r, 1, r->energy.value_j, err));
    FR_TRY(put_devices(l, r, err));
    FR_TRY(put_account(l, r, err));
    return put_notes(l, r, err);
}

/* ---- export, prune, verify ---- */

/* The lines of the export as one document. */
static int put_runs(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    char *lines = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&lines, &size);
    int rc = fr_ledger_export(l, "jsonl", out, err);
    fclose(out);
    json_t *runs = json_array();
    fr_str rest = { lines, size }, line;
    while (rc == 0 && fr_str_next(&rest, '\n', &line)) {
        if (line.n != 0)
            json_array_append_new(runs, json_loadb(line.at, line.n, 0, NULL));
    }
    free(lines);
    if (rc == 0)
        return fr_cli_put_json(cli, json_pack("{s:o}", "runs", runs));
    json_decref(runs);
    return rc;
}

static int export_runs(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    const char *format = fr_arg_text(cli, "format", "jsonl");
    const char *path = fr_arg_text(cli, "output", NULL);
    const char *bundle = fr_arg_text(cli, "bundle", NULL);
    if (l == NULL)
        return fr_ledger_none(err);
    if (bundle != NULL)
        return fr_ledger_word_bundle(cli, l, bundle, err);
    if (path == NULL && fr_cli_json(cli) && strcmp(format, "jsonl") == 0)
        return put_runs(cli, l, err);
    if (path == NULL || strcmp(path, "-") == 0)
        return fr_ledger_export(l, format, stdout, err);
    FR_AUTO(fr_file_out) out = { 0 };
    FR_TRY(fr_file_out_open(&out, path, err));
    FR_TRY(fr_ledger_export(l, format, out.stream, err));
    return fr_file_out_commit(&out, err);
}

static int prune(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    int64_t before_unix_ns = 0;
    double days = fr_arg_f64(cli, "older-than", NAN);
    const char *date = fr_arg_text(cli, "before", NULL);
    if ((date == NULL) == isnan(days))
        return fr_fail(err, FR_E_USAGE, "As `frugal ledger prune --older-than 90`.",
                       "prune needs one of --before DATE and --older-than DAYS");
    FR_TRY(fr_ledger_date("before", date, &before_unix_ns, err));
    if (!isnan(days) && !(days >= 0 && days < 36500))
        return fr_fail(err, FR_E_USAGE, NULL, "--older-than takes days from 0 to 36500");
    if (!isnan(days))
        before_unix_ns = fr_now_unix_ns() - (int64_t)(days * 86400e9);
    size_t removed = 0;
    if (l != NULL)
        FR_TRY(fr_ledger_prune(l, before_unix_ns, &removed, err));
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, json_pack("{s:I}", "removed", (json_int_t)removed));
    printf("%zu runs and phases removed\n", removed);
    return 0;
}

static int verify(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    size_t n_words = 0;
    char **words = fr_arg_rest(cli, &n_words);
    if (n_words > 1)
        return fr_ledger_word_verify_bundle(cli, words[1], err);
    size_t n_checked = 0, n_wrong = 0, size = 0;
    char *lines = NULL;
    FILE *out = open_memstream(&lines, &size);
    int rc = l != NULL ? fr_ledger_verify(l, out, &n_checked, &n_wrong, err) : 0;
    fclose(out);
    if (rc == 0 && fr_cli_json(cli)) {
        json_t *differences = json_array();
        fr_str rest = fr_str_of(lines), line;
        while (fr_str_next(&rest, '\n', &line))
            if (line.n > 0)
                json_array_append_new(differences, json_stringn(line.at, line.n));
        rc = fr_cli_put_json(cli,
                             json_pack("{s:I,s:I,s:o}", "checked", (json_int_t)n_checked, "wrong",
                                       (json_int_t)n_wrong, "differences", differences));
    } else if (rc == 0) {
        fputs(lines, stdout);
        if (n_wrong == 0)
            printf("%zu runs and phases: every figure follows from its buckets and factors\n",
                   n_checked);
        else
            printf("%zu runs and phases: %zu differences\n", n_checked, n_wrong);
    }
    free(lines);
    if (rc == 0 && n_wrong > 0)
        rc = fr_fail(err, FR_E_FAILED, "The lines above name the runs; an export keeps the rest.",
                     "%zu figures do not follow from what was recorded", n_wrong);
    return rc;
}

/* A ledger that nobody wrote yet is empty, not made by looking; one that was named must be there.
 */
static int open_ledger(fr_cli *cli, const char *word, fr_ledger **out, fr_err *err)
{
    const char *named = fr_cli_ledger(cli);
    bool tells = strcmp(word, "unit") == 0 || strcmp(word, "change") == 0;
    char *path = fr_ledger_where(named);
    int rc = 0;
    *out = NULL;
    if (strstr(path, "://") != NULL || fr_file_exists(path))
        rc = fr_ledger_open(path, out, err);
    else if (tells && named == NULL) /* who tells something makes one */
        rc = fr_ledger_open(NULL, out, err);
    else if (named != NULL)
        rc = fr_fail(err, FR_E_NOT_FOUND, "Leave --ledger out for your own one.", "no ledger '%s'",
                     path);
    free(path);
    return rc;
}

static int run(fr_cli *cli)
{
    static int (*const FUNCTIONS[])(fr_cli *, fr_ledger *, fr_err *) = { list,
                                                                         show,
                                                                         fr_ledger_word_compare,
                                                                         fr_ledger_word_unit,
                                                                         fr_ledger_word_change,
                                                                         fr_ledger_word_signal,
                                                                         export_runs,
                                                                         verify,
                                                                         prune };
    /* words that each takes, itself included; 0: any number */
    static const size_t MOST[] = { 1, 2, 0, 0, 2, 3, 1, 2, 1 };
    fr_err err = { 0 };
    const char *word = "list";
    size_t n = 0;
    char **rest = fr_arg_rest(cli, &n);
    if (n > 0)
        word = rest[0];
    size_t at = 0;
    while (SUBCOMMANDS[at] != NULL && strcmp(SUBCOMMANDS[at], word) != 0)
        at++;
    if (SUBCOMMANDS[at] == NULL) {
        const char *nearest = fr_nearest(word, SUBCOMMANDS);
        char *hint =
            nearest != NULL
                ? fr_dup_f("Did you mean `frugal ledger %s`?", nearest)
                : fr_dup("There are list, show, compare, unit, change, signal, export, verify "
                         "and prune.");
        int rc = fr_fail(&err, FR_E_USAGE, hint, "unknown word '%s'", word);
        free(hint);
        return fr_cli_fail(cli, rc, &err);
    }
    fr_ledger *l = NULL;
    int rc = 0;
    if (MOST[at] != 0 && n > MOST[at])
        rc = fr_fail(&err, FR_E_USAGE, "Quote what has blanks; `frugal ledger --help` shows each.",
                     "'%.100s' is one argument too many", rest[MOST[at]]);
    if (rc == 0)
        rc = open_ledger(cli, word, &l, &err);
    if (rc == 0)
        rc = FUNCTIONS[at](cli, l, &err);
    fr_ledger_close(l);
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_COMMAND_ledger = {
    .name = "ledger",
    .run = run,
    .options = OPTIONS,
    .arguments = "[list | show ID | compare A B | unit NAME=N… | change TEXT | signal ID NAME | "
                 "export | verify [BUNDLE] | prune]",
    .summary = "look at what was recorded, compare, date and count, check it, export it",
    .examples = "frugal ledger  # the latest runs\n"
                "frugal ledger show last  # phases, devices, method and notes of the newest run\n"
                "frugal ledger compare nightly 01M82N --max-regression 5%  # gates a CI\n"
                "frugal ledger unit orders=1200 --day 2026-11-22  # then: frugal ledger unit\n"
                "frugal ledger change \"batch of 8\"  # the report tells before and after\n"
                "frugal ledger signal last uk  # by the grid of the hours of use\n"
                "frugal ledger export --format csv -o runs.csv\n"
                "frugal ledger verify  # every figure again, from the raw buckets\n"
                "frugal ledger export --bundle evidence.tar --key key.pem  # then: verify "
                "evidence.tar\n"
                "frugal ledger prune --older-than 365\n",
    .more =
        "A run is shown by its id, by any head of it that only it has, or as `last`. Totals count\n"
        "nothing twice: a run with a meter of its own inside another run is listed with --all and\n"
        "not added. compare takes ids, names of runs, or several with commas: with two or more a\n"
        "side the difference has an interval, and a tie is called one. verify ends with 1 when a\n"
        "figure does not follow from what was recorded. Signals: uk, electricity-maps:ZONE,\n"
        "watttime:REGION, carbon-aware-average:LOCATION@URL, carbon-aware-marginal:…, csv:FILE,\n"
        "csv-marginal:FILE; keys come from the environment. Formulas: docs/methodology.md.",
    .subcommands = SUBCOMMANDS,
};
