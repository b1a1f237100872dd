/* Generated knowledge: statements first, kept on disk by input, then the answer below them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "prompt/techniques_priv.h"

#define STATEMENTS       3
#define STATEMENT_TOKENS 48
#define STATEMENTS_MOST  16
#define FILE_BYTES       ((size_t)1 << 20)

typedef struct {
    technique_ask ask;
    char *path; /* of the kept statements; NULL: not kept */
    bool kept;  /* they were there */
    char *at[STATEMENTS_MOST];
    size_t n;
} knowledge;

static void compose_question(const fr_prompting *p, fr_str input, size_t most, fr_buf *out)
{
    fr_buf_put_f(out,
                 "Write %zu short facts that help with the input below, one on each line, each "
                 "beginning with \"- \".\n",
                 most);
    if (p->n_labels != 0) {
        fr_buf_put_s(out, "It will be given one of these labels: ");
        for (size_t i = 0; i < p->n_labels; i++)
            fr_buf_put_f(out, "%s%.*s", i != 0 ? ", " : "", FR_STR_F(p->labels[i]));
        fr_buf_put_s(out, ".\n");
    }
    fr_buf_put_f(out, "Input: %.*s\nFacts:\n-", FR_STR_F(fr_prompt_clean(input)));
}

/* Lines without their bullets and numbers. */
static void read_statements(knowledge *k, const char *text, size_t most)
{
    fr_str rest = fr_str_of(text), line;
    while (k->n < most && fr_str_next(&rest, '\n', &line)) {
        line = fr_str_trim(line);
        size_t digits = 0;
        while (digits < line.n && isdigit((unsigned char)line.at[digits]))
            digits++;
        if (digits > 0 && digits + 1 < line.n &&
            (line.at[digits] == '.' || line.at[digits] == ')') && line.at[digits + 1] == ' ')
            line = (fr_str){ line.at + digits + 1, line.n - digits - 1 };
        while (line.n > 0 && (line.at[0] == '-' || line.at[0] == '*' || line.at[0] == ' '))
            line = (fr_str){ line.at + 1, line.n - 1 };
        bool repeated = line.n < 3;
        for (size_t i = 0; i < k->n && !repeated; i++)
            repeated = fr_str_equal(line, fr_str_of(k->at[i]));
        if (!repeated)
            k->at[k->n++] = fr_str_dup(line);
    }
}

/* A kept file that is of another model, or spoilt, is as if it were not there. */
static bool read_kept(knowledge *k, size_t most)
{
    FR_AUTO(fr_buf) text = { 0 };
    if (k->path == NULL || fr_file_read(k->path, FILE_BYTES, &text, NULL) != 0)
        return false;
    json_t *file = json_loadb(fr_buf_text(&text), text.n, 0, NULL), *one;
    const json_t *statements = json_object_get(file, "statements");
    size_t i;
    json_array_foreach(statements, i, one)
    {
        if (json_is_string(one) && k->n < most)
            k->at[k->n++] = fr_dup(json_string_value(one));
    }
    bool there = json_is_array(statements);
    json_decref(file);
    return there;
}

static int keep(const knowledge *k, const fr_prompting *p, fr_str input, fr_err *err)
{
    json_t *file = json_object(), *statements = json_array();
    json_object_set_new(file, "schema", json_integer(1));
    json_object_set_new(file, "model", json_slice(fr_str_of(fr_endpoint_name(p->endpoint))));
    json_object_set_new(file, "input", json_slice(input));
    for (size_t i = 0; i < k->n; i++)
        json_array_append_new(statements, json_slice(fr_str_of(k->at[i])));
    json_object_set_new(file, "statements", statements);
    char *text = json_dumps(file, JSON_INDENT(1));
    int rc = fr_file_write(k->path, fr_str_of(text), err);
    free(text);
    json_decref(file);
    return rc;
}

/* Named by everything that the statements depend on. */
static int name_file(knowledge *k, const fr_prompting *p, const fr_technique *t, fr_err *err)
{
    char hash[FR_SHA256_HEX];
    FR_AUTO(fr_buf) all = { 0 };
    const fr_sampling *s = &k->ask.sampling;
    fr_buf_put_f(&all, "%s\n%g %d %g %llu %zu\n", fr_endpoint_name(p->endpoint), s->temperature,
                 s->top_k, s->top_p, s->temperature > 0 ? (unsigned long long)s->seed : 0,
                 s->max_tokens);
    fr_buf_put_str(&all, fr_buf_str(&k->ask.prompt));
    FR_TRY(fr_sha256(fr_buf_text(&all), all.n, hash, err));
    k->path = fr_dup_f("%s/%.32s.json", t->keep_in, hash);
    return 0;
}

static size_t n_statements(const fr_technique *t)
{
    return FR_MIN(t->statements != 0 ? t->statements : STATEMENTS, (size_t)STATEMENTS_MOST);
}

/* Stage one: what is not on disk yet is asked, all in one batch. */
static int gather(const fr_prompting *p, const fr_technique *t, const fr_str *inputs,
                  knowledge *all, size_t n, fr_err *err)
{
    size_t most = n_statements(t), n_asks = 0;
    if (t->keep_in != NULL)
        FR_TRY(fr_dir_make(t->keep_in, err));
    technique_ask *asks = FR_NEW_N(technique_ask, n);
    size_t *whose = FR_NEW_N(size_t, n);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        knowledge *k = &all[i];
        k->ask.sampling = technique_sampling(p, false);
        k->ask.sampling.stop = NULL;
        k->ask.sampling.n_stop = 0;
        k->ask.sampling.grammar = NULL;
        k->ask.sampling.max_tokens = most * STATEMENT_TOKENS;
        compose_question(p, inputs[i], most, &k->ask.prompt);
        if (t->keep_in != NULL)
            rc = name_file(k, p, t, err);
        k->kept = rc == 0 && read_kept(k, most);
        if (rc == 0 && !k->kept) {
            whose[n_asks] = i;
            asks[n_asks++] = k->ask;
        }
    }
    if (rc == 0 && n_asks != 0)
        rc = technique_ask_all(p, asks, n_asks, err);
    for (size_t i = 0; i < n_asks; i++) {
        knowledge *k = &all[whose[i]];
        k->ask.text = asks[i].text;
        if (rc != 0 || k->ask.text == NULL)
            continue;
        read_statements(k, k->ask.text, most);
        if (k->path != NULL)
            rc = keep(k, p, inputs[whose[i]], err);
    }
    free(asks);
    free(whose);
    return rc;
}

/* Stage two. A prompt that has no room for the statements does without the last ones. */
static int answer(const fr_prompting *p, const fr_technique *t, const fr_str *inputs,
                  knowledge *all, size_t n, fr_tried *tried, fr_err *err)
{
    technique_ask *asks = FR_NEW_N(technique_ask, n);
    size_t context = fr_endpoint_context(p->endpoint);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        fr_str statements[STATEMENTS_MOST];
        size_t n_statements = all[i].n;
        for (size_t s = 0; s < n_statements; s++)
            statements[s] = fr_str_of(all[i].at[s]);
        asks[i].tried = &tried[i];
        asks[i].sampling = technique_sampling(p, false);
        tried[i].ended = NULL;
        for (;;) {
            fr_buf_clear(&asks[i].prompt);
            rc = technique_compose(p, t, inputs[i], statements, n_statements, false,
                                   &asks[i].prompt, err);
            size_t needs = asks[i].prompt.n + asks[i].sampling.max_tokens + 4;
            if (rc != 0 || n_statements == 0 || context == 0 || needs <= context)
                break;
            size_t tokens = fr_endpoint_count(p->endpoint, fr_buf_str(&asks[i].prompt));
            if (tokens == 0 || tokens + asks[i].sampling.max_tokens + 4 <= context)
                break;
            n_statements--;
        }
    }
    if (rc == 0)
        rc = technique_ask_all(p, asks, n, err);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0 && asks[i].text != NULL) {
            tried[i].answer = technique_answer(p, asks[i].text);
            tried[i].ended = "answered";
        }
        technique_ask_fini(&asks[i]);
    }
    free(asks);
    return rc;
}

int ask_with_knowledge(const fr_prompting *p, const fr_technique *t, const fr_str *inputs, size_t n,
                       fr_tried *tried, fr_err *err)
{
    knowledge *all = FR_NEW_N(knowledge, n);
    for (size_t i = 0; i < n; i++)
        all[i].ask.tried = &tried[i];
    int rc = gather(p, t, inputs, all, n, err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        json_t *step = json_object(), *statements = json_array();
        for (size_t s = 0; s < all[i].n; s++)
            json_array_append_new(statements, json_slice(fr_str_of(all[i].at[s])));
        json_object_set_new(step, "knowledge", statements);
        json_object_set_new(step, "kept", json_boolean(all[i].kept));
        technique_note(&tried[i], step);
    }
    if (rc == 0)
        rc = answer(p, t, inputs, all, n, tried, err);
    for (size_t i = 0; i < n; i++) {
        technique_ask_fini(&all[i].ask);
        free(all[i].path);
        for (size_t s = 0; s < all[i].n; s++)
            free(all[i].at[s]);
    }
    free(all);
    return rc;
}
