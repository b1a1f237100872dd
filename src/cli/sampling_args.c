/* Options of sampling: read at the start, or changed by name in a chat. */
#include "cli/sampling_args.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "text/schema.h"

/* \n and \t as one can write them in a shell. Owned. */
static char *unescaped(const char *text)
{
    char *out = fr_dup(text), *to = out;
    for (const char *at = text; *at != '\0'; at++) {
        bool escape = at[0] == '\\' && (at[1] == 'n' || at[1] == 't' || at[1] == '\\');
        if (escape)
            at++;
        *to++ = !escape ? *at : *at == 'n' ? '\n' : *at == 't' ? '\t' : '\\';
    }
    *to = '\0';
    return out;
}

static int read_biases(fr_cli *cli, fr_sampling *s, fr_logit_bias biases[FR_SAMPLING_BIASES],
                       fr_err *err)
{
    for (const char *text; (text = fr_arg_list(cli, "logit-bias", s->n_bias)) != NULL;) {
        fr_str rest = fr_str_of(text), id;
        double number = NAN, bias = NAN;
        if (s->n_bias == FR_SAMPLING_BIASES)
            return fr_fail(err, FR_E_USAGE, NULL, "more than %d biases", FR_SAMPLING_BIASES);
        bool ok = fr_str_next(&rest, '=', &id) && fr_str_to_f64(id, &number) && number >= 0 &&
                  number <= INT32_MAX && number == floor(number);
        if (ok && fr_str_equal(rest, FR_STR("-inf")))
            bias = -INFINITY;
        else if (!ok || !fr_str_to_f64(rest, &bias))
            return fr_fail(err, FR_E_USAGE, "`frugal tokenize` tells ids; as --logit-bias 42=-inf.",
                           "--logit-bias takes ID=NUMBER, not '%s'", text);
        biases[s->n_bias++] = (fr_logit_bias){ (int32_t)number, bias };
    }
    s->bias = biases;
    return 0;
}

static int read_grammar(fr_cli *cli, fr_grammar **out, fr_err *err)
{
    const char *file = fr_arg_text(cli, "grammar", NULL),
               *schema = fr_arg_text(cli, "json-schema", NULL);
    FR_AUTO(fr_buf) text = { 0 };
    if (file != NULL && schema != NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "both --grammar and --json-schema bind the answer");
    if (schema != NULL && fr_str_starts(fr_str_trim(fr_str_of(schema)), FR_STR("{")))
        return fr_schema_parse(fr_str_of(schema), out, err);
    if (file == NULL && schema == NULL)
        return 0;
    FR_TRY(fr_file_read(file != NULL ? file : schema, 1u << 20, &text, err));
    return file != NULL ? fr_grammar_parse(fr_buf_str(&text), out, err)
                        : fr_schema_parse(fr_buf_str(&text), out, err);
}

static int count(fr_cli *cli, const char *name, long long otherwise, long long most, long long *out,
                 fr_err *err)
{
    *out = fr_arg_i64(cli, name, otherwise);
    if (*out < 0 || *out > most)
        return fr_fail(err, FR_E_USAGE, NULL, "--%s takes 0 or more, not %lld", name, *out);
    return 0;
}

int fr_sampling_args_read(fr_cli *cli, long long tokens, double temperature, double top_p,
                          fr_sampling_args *out, fr_err *err)
{
    fr_sampling *s = &out->sampling;
    long long longest, top_k, last;
    FR_TRY(count(cli, "max-length", 0, INT32_MAX, &longest, err));
    /* who bounds the whole has bounded the answer */
    FR_TRY(count(cli, "tokens", longest > 0 ? 0 : tokens, INT32_MAX, &tokens, err));
    FR_TRY(count(cli, "top-k", 0, INT32_MAX, &top_k, err));
    FR_TRY(count(cli, "repeat-last", 0, INT32_MAX, &last, err));
    *s = (fr_sampling){ .temperature = fr_arg_f64(cli, "temp", temperature),
                        .top_k = (int)top_k,
                        .top_p = fr_arg_f64(cli, "top-p", top_p),
                        .min_p = fr_arg_f64(cli, "min-p", 0),
                        .typical_p = fr_arg_f64(cli, "typical-p", 0),
                        .repetition_penalty = fr_arg_f64(cli, "repeat-penalty", 0),
                        .repetition_last = (size_t)last,
                        .frequency_penalty = fr_arg_f64(cli, "frequency-penalty", 0),
                        .presence_penalty = fr_arg_f64(cli, "presence-penalty", 0),
                        .seed = (uint64_t)fr_arg_i64(cli, "seed", 0),
                        .max_tokens = (size_t)tokens,
                        .max_length = (size_t)longest };
    for (const char *stop; (stop = fr_arg_list(cli, "stop", s->n_stop)) != NULL; s->n_stop++) {
        if (s->n_stop == FR_SAMPLING_STOPS)
            return fr_fail(err, FR_E_USAGE, NULL, "more than %d stop texts", FR_SAMPLING_STOPS);
        out->stops[s->n_stop] = unescaped(stop);
    }
    s->stop = (const char *const *)out->stops;
    FR_TRY(read_biases(cli, s, out->biases, err));
    FR_TRY(read_grammar(cli, &out->grammar, err));
    s->grammar = out->grammar;
    return 0;
}

void fr_sampling_args_fini(fr_sampling_args *a)
{
    for (size_t i = 0; i < FR_SAMPLING_STOPS; i++)
        free(a->stops[i]);
    fr_grammar_free(a->grammar);
    *a = (fr_sampling_args){ 0 };
}

/* ---- by name --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t at;
    enum { AS_F64, AS_SIZE, AS_INT, AS_U64 } kind;
    double most;
} SETTINGS[] = {
    { "temp", offsetof(fr_sampling, temperature), AS_F64, 100 },
    { "top-k", offsetof(fr_sampling, top_k), AS_INT, INT32_MAX },
    { "top-p", offsetof(fr_sampling, top_p), AS_F64, 1 },
    { "min-p", offsetof(fr_sampling, min_p), AS_F64, 1 },
    { "typical-p", offsetof(fr_sampling, typical_p), AS_F64, 1 },
    { "repeat-penalty", offsetof(fr_sampling, repetition_penalty), AS_F64, 100 },
    { "repeat-last", offsetof(fr_sampling, repetition_last), AS_SIZE, INT32_MAX },
    { "frequency-penalty", offsetof(fr_sampling, frequency_penalty), AS_F64, 100 },
    { "presence-penalty", offsetof(fr_sampling, presence_penalty), AS_F64, 100 },
    { "seed", offsetof(fr_sampling, seed), AS_U64, 9e15 },
    { "tokens", offsetof(fr_sampling, max_tokens), AS_SIZE, INT32_MAX },
};

int fr_sampling_set(fr_sampling *s, fr_str name, fr_str value, fr_err *err)
{
    FR_AUTO(fr_buf) known = { 0 };
    for (size_t i = 0; i < FR_COUNT_OF(SETTINGS); i++) {
        fr_buf_put_f(&known, "%s%s", i > 0 ? ", " : "", SETTINGS[i].name);
        if (!fr_str_is(name, SETTINGS[i].name))
            continue;
        double x = NAN;
        bool whole = SETTINGS[i].kind != AS_F64;
        char *at = (char *)s + SETTINGS[i].at;
        if (!fr_str_to_f64(value, &x) || !(x >= 0 && x <= SETTINGS[i].most) ||
            (whole && x != floor(x)))
            return fr_fail(err, FR_E_USAGE, NULL, "%s takes %s from 0 to %.6g, not '%.*s'",
                           SETTINGS[i].name, whole ? "a whole number" : "a number",
                           SETTINGS[i].most, FR_STR_F(value));
        if (SETTINGS[i].kind == AS_F64)
            *(double *)(void *)at = x;
        else if (SETTINGS[i].kind == AS_INT)
            *(int *)(void *)at = (int)x;
        else if (SETTINGS[i].kind == AS_SIZE)
            *(size_t *)(void *)at = (size_t)x;
        else
            *(uint64_t *)(void *)at = (uint64_t)x;
        return 0;
    }
    return fr_fail(err, FR_E_USAGE, NULL, "no setting '%.*s'; there are %s", FR_STR_F(name),
                   fr_buf_text(&known));
}

void fr_sampling_text(const fr_sampling *s, fr_buf *out)
{
    for (size_t i = 0; i < FR_COUNT_OF(SETTINGS); i++) {
        const char *at = (const char *)s + SETTINGS[i].at;
        double x = SETTINGS[i].kind == AS_F64    ? *(const double *)(const void *)at
                   : SETTINGS[i].kind == AS_INT  ? *(const int *)(const void *)at
                   : SETTINGS[i].kind == AS_SIZE ? (double)*(const size_t *)(const void *)at
                                                 : (double)*(const uint64_t *)(const void *)at;
        fr_buf_put_f(out, "%s%s %.9g", i > 0 ? ", " : "", SETTINGS[i].name, x);
    }
}
