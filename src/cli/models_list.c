/* frugal models list: the catalogue, best first for what is looked for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "choose/curve.h"
#include "cli/models_commands.h"
#include "kernels/format.h"

#define CONTEXT_SHOWN 4096.0 /* keys and values are counted for it when no --context is given */

typedef struct {
    fr_catalog_wish wish;
    const char *format;
    double context;   /* 0: not given */
    fr_curve_fit fit; /* of this machine's curve; NAN: none was measured */
} asked;

static int number_given(fr_cli *cli, const char *name, double *out, fr_err *err)
{
    const char *text = fr_arg_text(cli, name, NULL);
    if (text != NULL && !fr_count_of(text, out))
        return fr_fail(err, FR_E_USAGE, "As 3B, 135M or 4096.", "--%s takes a number, not '%s'",
                       name, text);
    return 0;
}

static int read_asked(fr_cli *cli, asked *a, fr_err *err)
{
    *a = (asked){ .format = fr_arg_text(cli, "type", "Q4_K"),
                  .wish = { .language = fr_arg_text(cli, "language", NULL),
                            .domain = fr_arg_text(cli, "domain", NULL),
                            .license = fr_arg_text(cli, "license", NULL),
                            .task = fr_arg_text(cli, "task", NULL),
                            .name = fr_arg_text(cli, "name", NULL),
                            .with_unknown = fr_arg_flag(cli, "unknown"),
                            .on_disk = fr_arg_flag(cli, "local") } };
    FR_TRY(number_given(cli, "max-params", &a->wish.params_most, err));
    FR_TRY(number_given(cli, "context", &a->context, err));
    a->wish.context_least = a->context;
    const fr_format_row *row = fr_format_by_name(a->format);
    if (row == NULL)
        return fr_fail(err, FR_E_USAGE, FR_FORMAT_HINT, "unknown number format '%s'", a->format);
    a->format = row->name;
    return 0;
}

/* The context that memory is told for: as asked, else 4,096, never beyond the model's own. */
static double context_of(const fr_catalog_entry *e, const asked *a)
{
    double context = a->context > 0 ? a->context : CONTEXT_SHOWN;
    return isnan(e->context) ? context : fmin(context, e->context);
}

/* CPU-seconds of a token written behind that context. Of experts only those at work count. */
static double predicted_cpu_s(const fr_catalog_entry *e, const asked *a)
{
    double share = isnan(e->active_params) || isnan(e->params) ? 1 : e->active_params / e->params;
    return fr_curve_cpu_s(&a->fit, fr_catalog_weight_bytes(e, a->format) * share,
                          fr_catalog_kv_bytes(e, context_of(e, a)));
}

static json_t *json_predicted(const fr_catalog_entry *e, const asked *a)
{
    double cpu_s = predicted_cpu_s(e, a);
    json_t *o = json_object();
    json_object_set_new(o, "cpu_s_per_token", fr_json_f64(cpu_s));
    json_object_set_new(o, "energy_j_per_token", fr_json_f64(cpu_s * a->fit.j_per_cpu_s));
    json_object_set_new(o, "method", json_string("modelled"));
    return o;
}

static json_t *json_entry(const fr_catalog_entry *e, const asked *a)
{
    json_t *o = fr_catalog_entry_json(e);
    double context = context_of(e, a), weights = fr_catalog_weight_bytes(e, a->format),
           kv = fr_catalog_kv_bytes(e, context);
    json_object_set_new(o, "memory",
                        json_pack("{s:s,s:f,s:o,s:o,s:o}", "type",
                                  e->format != NULL ? e->format : a->format, "context_tokens",
                                  context, "weight_bytes", fr_json_f64(weights), "kv_bytes",
                                  fr_json_f64(kv), "total_bytes", fr_json_f64(weights + kv)));
    if (!isnan(a->fit.fixed_s))
        json_object_set_new(o, "predicted", json_predicted(e, a));
    if (e->language_match != FR_MATCH_NONE)
        json_object_set_new(o, "language_match", json_string(fr_match_name(e->language_match)));
    if (e->domain_match != FR_MATCH_NONE)
        json_object_set_new(o, "domain_match", json_string(fr_match_name(e->domain_match)));
    return o;
}

static void put_words(const fr_words *words, fr_buf *out)
{
    for (size_t i = 0; i < words->n; i++)
        fr_buf_put_f(out, "%s%s", i != 0 ? "," : "", words->at[i]);
    if (words->n == 0)
        fr_buf_put_s(out, "not stated");
}

static void print_entry(const fr_catalog_entry *e, const asked *a)
{
    char params[24], context[24], memory[24];
    FR_AUTO(fr_buf) languages = { 0 };
    FR_AUTO(fr_buf) domains = { 0 };
    double bytes = fr_catalog_weight_bytes(e, a->format) + fr_catalog_kv_bytes(e, context_of(e, a));
    fr_text_count(e->params, params);
    fr_text_count(e->context, context);
    fr_text_bytes(bytes, memory);
    if (isnan(bytes))
        snprintf(memory, sizeof(memory), "unknown");
    if (!isnan(e->context))
        snprintf(context, sizeof(context), "%.0f", e->context);
    put_words(&e->languages, &languages);
    put_words(&e->domains, &domains);
    char predicted[64] = "";
    if (!isnan(a->fit.fixed_s)) {
        char joules[32];
        double cpu_s = predicted_cpu_s(e, a);
        fr_text_j(cpu_s * a->fit.j_per_cpu_s, joules);
        if (isnan(cpu_s))
            snprintf(predicted, sizeof(predicted), " %10s %8s", "unknown", "unknown");
        else
            snprintf(predicted, sizeof(predicted), " ~%9s %8.2g", joules, cpu_s);
    }
    char *license = fr_dup_f("%s%s", e->license != NULL ? e->license : "not stated",
                             e->check != NULL && e->license != NULL && e->path == NULL ? "?" : "");
    printf("%-28.28s %10s %10s %10s%s  %-22.22s %-12.12s %s\n", e->name, params, context, memory,
           predicted, license, fr_buf_text(&domains), fr_buf_text(&languages));
    free(license);
}

static int read_curve(fr_curve_fit *out, fr_err *err)
{
    FR_AUTO(fr_curve) c = { 0 };
    char *path = fr_models_curve_path();
    int rc = fr_curve_read(path, &c, err);
    free(path);
    *out = fr_curve_fit_of(&c);
    return rc;
}

int fr_models_list(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_catalog) all = { 0 };
    asked a;
    FR_TRY(read_asked(cli, &a, err));
    FR_TRY(read_curve(&a.fit, err));
    FR_TRY(fr_models_catalog(cli, &all, err));
    fr_catalog_choose(&all, &a.wish);
    if (fr_cli_json(cli)) {
        json_t *o = json_object(), *models = json_array();
        for (size_t i = 0; i < all.n; i++)
            json_array_append_new(models, json_entry(&all.at[i], &a));
        json_object_set_new(o, "models", models);
        return fr_cli_put_json(cli, o) == 0
                   ? 0
                   : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
    }
    if (all.n == 0) {
        puts("no model fits; --unknown also shows those that do not state what was asked for");
        return 0;
    }
    char heading[32];
    snprintf(heading, sizeof(heading), "%s", a.format);
    bool predicts = !isnan(a.fit.fixed_s);
    printf("%-28s %10s %10s %10s%s  %-22s %-12s %s\n", "model", "params", "context", heading,
           predicts ? "    J/token    CPU s" : "", "licence", "domains", "languages");
    for (size_t i = 0; i < all.n; i++)
        print_entry(&all.at[i], &a);
    printf("Memory: weights in %s (a file's own format for files) and keys and values of %.0f "
           "tokens.\n? licence and languages as recalled, not read again on the card: look before "
           "you rely on them.\n",
           a.format, a.context > 0 ? a.context : CONTEXT_SHOWN);
    if (predicts)
        puts(
            "~ J/token and CPU s of a written token: modelled, from the curve that was measured on "
            "this machine.");
    else
        puts("`frugal models curve FILE…` measures this machine; then joules and CPU-seconds of a "
             "token stand here, too.");
    return 0;
}
