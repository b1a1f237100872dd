/* frugal models show: all that is known of one model: table, card, file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/models_commands.h"

static void line(const char *what, const char *text)
{
    printf("%-16s %s\n", what, text != NULL ? text : "not stated");
}

static void words_line(const char *what, const fr_words *words)
{
    FR_AUTO(fr_buf) text = { 0 };
    for (size_t i = 0; i < words->n; i++)
        fr_buf_put_f(&text, "%s%s", i != 0 ? ", " : "", words->at[i]);
    line(what, words->n != 0 ? fr_buf_text(&text) : NULL);
}

static void number_line(const char *what, double v, const char *unit)
{
    char text[96];
    snprintf(text, sizeof(text), "%.15g%s", v, unit);
    line(what, isnan(v) ? NULL : text);
}

static void print_scores(const fr_catalog_entry *e)
{
    for (size_t i = 0; i < e->n_scores; i++) {
        const fr_catalog_score *s = &e->scores[i];
        printf("%-16s %s%s%s %.6g (%s, %s)\n", i == 0 ? "scores" : "", s->benchmark,
               s->metric != NULL ? ", " : "", s->metric != NULL ? s->metric : "", s->value,
               s->date != NULL ? s->date : "date not stated",
               s->source != NULL ? s->source : "source not stated");
    }
    if (e->n_scores == 0)
        line("scores", NULL);
}

static void print_memory(const fr_catalog_entry *e)
{
    static const char *const FORMATS[] = { "F16", "Q8_0", "Q4_K" };
    char weights[24], kv[24];
    double contexts[] = { 4096, e->context };
    if (isnan(fr_catalog_weight_bytes(e, FORMATS[0])))
        line("weights", NULL);
    if (isnan(e->kv_token_bytes))
        line("keys and values", NULL);
    for (size_t i = 0; i < (isnan(e->weight_bytes) ? FR_COUNT_OF(FORMATS) : 1); i++) {
        if (isnan(fr_catalog_weight_bytes(e, FORMATS[i])))
            break;
        fr_text_bytes(fr_catalog_weight_bytes(e, FORMATS[i]), weights);
        printf("%-16s %s in %s\n", i == 0 ? "weights" : "", weights,
               e->format != NULL ? e->format : FORMATS[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        if (isnan(contexts[i] * e->kv_token_bytes) || (i == 0 && contexts[0] >= e->context))
            continue;
        fr_text_bytes(fr_catalog_kv_bytes(e, contexts[i]), kv);
        printf("%-16s %s for %.0f tokens\n", "keys and values", kv, contexts[i]);
    }
}

static void print_all(const fr_catalog_entry *e)
{
    char params[24];
    fr_text_count(e->params, params);
    line("model", e->name);
    line("family", e->family);
    line("file", e->path != NULL ? e->path : "none on this machine");
    line("architecture", e->architecture);
    line("parameters", isnan(e->params) ? NULL : params);
    if (!isnan(e->active_params) && e->active_params != e->params) {
        fr_text_count(e->active_params, params);
        line("at work a token", params);
    }
    number_line("context", e->context, " tokens");
    print_memory(e);
    line("licence", e->license);
    words_line("languages", &e->languages);
    words_line("domains", &e->domains);
    line("task", e->task);
    words_line("tags", &e->tags);
    line("base model", e->base_model);
    words_line("datasets", &e->datasets);
    number_line("training", e->training_g, " gCO2e, as the card states it");
    number_line("year", e->year, "");
    print_scores(e);
    line("source", e->source);
    if (e->check != NULL)
        line("look again", e->check);
}

int fr_models_show(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_catalog) all = { 0 };
    const char *name = NULL;
    FR_TRY(fr_arg_need(cli, 1, "a model's name or file", &name, err));
    FR_TRY(fr_models_catalog(cli, &all, err));
    const fr_catalog_entry *e = NULL;
    if (fr_file_exists(name) && !fr_dir_exists(name)) {
        FR_AUTO(fr_catalog) alone = { 0 };
        FR_TRY(fr_catalog_put_file(&alone, name, err));
        fr_catalog_put(&all, &alone.at[0]);
        alone.n = 0;
        for (size_t i = 0; i < all.n && e == NULL; i++)
            e = all.at[i].path != NULL && strcmp(all.at[i].path, name) == 0 ? &all.at[i] : NULL;
    } else {
        e = fr_catalog_find(&all, name);
    }
    if (e == NULL)
        return fr_fail(err, FR_E_NOT_FOUND,
                       "`frugal models list --name PART` searches; a file is named by its path.",
                       "no model '%s' in the catalogue, and no such file", name);
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, fr_catalog_entry_json(e)) == 0
                   ? 0
                   : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
    print_all(e);
    return 0;
}
