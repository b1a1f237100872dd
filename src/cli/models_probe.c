/* frugal models probe: what a model can do, and what each question takes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "choose/capability.h"
#include "cli/models_commands.h"

static double at(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void print_groups(const json_t *kind)
{
    const json_t *groups = json_object_get(kind, "groups");
    FR_AUTO(fr_buf) line = { 0 };
    for (size_t i = 0; json_array_size(groups) > 1 && i < json_array_size(groups); i++) {
        const json_t *g = json_array_get(groups, i);
        fr_buf_put_f(&line, "%s%s %.0f/%.0f", i == 0 ? "" : ", ",
                     json_string_value(json_object_get(g, "group")), at(g, "passed"), at(g, "n"));
    }
    if (line.n != 0)
        printf("  %s\n", fr_buf_text(&line));
}

static void print_record(const json_t *record)
{
    printf("%s, asked by %s\n%-12s %-22s %5s  %-10s %9s %8s\n",
           json_string_value(json_object_get(record, "model")),
           json_string_value(json_object_get(record, "asked_by")), "probe", "passed (95%)", "n",
           "J each", "CPU s", "tokens");
    const json_t *kinds = json_object_get(record, "kinds");
    for (size_t i = 0; i < json_array_size(kinds); i++) {
        const json_t *k = json_array_get(kinds, i), *pass = json_object_get(k, "pass");
        const char *method = json_string_value(json_object_get(k, "method"));
        char joules[32];
        fr_text_j(at(k, "energy_j_per_item"), joules);
        printf("%-12s %.2f (%.2f-%.2f)       %5.0f  %s%-9s %9.3g %8.0f\n",
               json_string_value(json_object_get(k, "kind")), at(pass, "value"), at(pass, "ci_low"),
               at(pass, "ci_high"), at(pass, "n"), strcmp(method, "measured") == 0 ? " " : "~",
               joules, at(k, "cpu_s_per_item"), at(k, "tokens_per_item"));
        print_groups(k);
        if (json_object_get(k, "usable_context_tokens") != NULL)
            printf("  usable context: %.0f tokens (at least half of the facts found up to there)\n",
                   at(k, "usable_context_tokens"));
    }
}

/* --only a,b as a NULL-terminated list: words point into *text. */
static const char **kinds_of(fr_cli *cli, char **text)
{
    const char *only = fr_arg_text(cli, "only", NULL);
    if (only == NULL)
        return NULL;
    *text = fr_dup(only);
    const char **out = FR_NEW_N(const char *, strlen(only) + 2);
    size_t n = 0;
    for (char *save = NULL, *word = strtok_r(*text, ", ", &save); word != NULL;
         word = strtok_r(NULL, ", ", &save))
        out[n++] = word;
    return out;
}

static int probe(fr_cli *cli, const char *model, json_t **record, fr_err *err)
{
    fr_run *run = NULL;
    double context = 0;
    const char *longest = fr_arg_text(cli, "context", NULL);
    if (longest != NULL && !fr_count_of(longest, &context))
        return fr_fail(err, FR_E_USAGE, NULL, "--context takes a number, not '%s'", longest);
    long long items = fr_arg_i64(cli, "items", 0);
    if (items < 0 || items > 10000)
        return fr_fail(err, FR_E_USAGE, NULL, "--items takes 1 to 10000, not %lld", items);
    FR_TRY(fr_cli_run_begin(cli, "models", "probe", &run, err));
    char *text = NULL;
    const char **kinds = kinds_of(cli, &text);
    fr_capability_options options = { .model = model,
                                      .run = run,
                                      .kinds = kinds,
                                      .n_items = (size_t)items,
                                      .context_most = (size_t)context,
                                      .threads = (int)fr_arg_i64(cli, "threads", 0),
                                      .seed = (uint64_t)fr_arg_i64(cli, "seed", 1),
                                      .progress = fr_cli_progress(cli, run) };
    int rc = fr_capability(&options, record, err);
    fr_cli_progress(cli, NULL);
    free(kinds);
    free(text);
    fr_err dropped = { 0 };
    int ended =
        fr_run_end(run, rc == 0 ? "done" : "failed", rc != 0, NULL, NULL, rc == 0 ? err : &dropped);
    return rc != 0 ? rc : ended;
}

int fr_models_probe(fr_cli *cli, fr_err *err)
{
    const char *model = NULL;
    json_t *record = NULL;
    FR_TRY(fr_arg_need(cli, 1, "a model file", &model, err));
    FR_TRY(probe(cli, model, &record, err));
    int rc = 0;
    if (!fr_cli_json(cli))
        print_record(record);
    else if (fr_cli_put_json(cli, json_incref(record)) != 0)
        rc = fr_fail(err, FR_E_IO, NULL, "cannot write the output");
    json_decref(record);
    return rc;
}
