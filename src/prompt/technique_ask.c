/* What all techniques share, and the plain ones: a prompt, an answer. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "prompt/techniques_priv.h"
#include "text/utf8.h"

#define ANSWER_TOKENS  64
#define THOUGHT_TOKENS 256
#define SHOTS_MOST     32

const char *const FR_TECHNIQUE_NAMES[] = {
    "zero-shot", "few-shot", "chain-of-thought", "self-consistency", "generated-knowledge",
    "react",     NULL
};

fr_technique_kind fr_technique_of(const char *name)
{
    for (size_t i = 0; FR_TECHNIQUE_NAMES[i] != NULL; i++) {
        if (strcmp(FR_TECHNIQUE_NAMES[i], name) == 0)
            return (fr_technique_kind)(i + 1);
    }
    return FR_TECHNIQUE_NONE;
}

const char *fr_technique_name(fr_technique_kind kind)
{
    return kind > FR_TECHNIQUE_NONE && kind <= FR_TECHNIQUE_REACT ? FR_TECHNIQUE_NAMES[kind - 1]
                                                                  : "none";
}

void fr_tried_fini(fr_tried *t)
{
    free(t->answer);
    json_decref(t->trace);
    *t = (fr_tried){ 0 };
}

void technique_note(fr_tried *tried, json_t *step)
{
    if (tried->trace == NULL)
        tried->trace = json_array();
    json_array_append_new(tried->trace, step);
}

json_t *json_slice(fr_str text)
{
    FR_AUTO(fr_buf) whole = { 0 };
    while (text.n > 0) {
        size_t fine = fr_utf8_valid_prefix(text);
        fr_buf_put(&whole, text.at, fine);
        if (fine < text.n)
            fr_buf_put_s(&whole, "\xef\xbf\xbd");
        fine = FR_MIN(fine + 1, text.n);
        text = (fr_str){ text.at + fine, text.n - fine };
    }
    return json_stringn(fr_buf_text(&whole), whole.n);
}

/* ---- asking ------------------------------------------------------------------------------- */

void technique_ask_fini(technique_ask *a)
{
    fr_buf_fini(&a->prompt);
    free(a->text);
    *a = (technique_ask){ 0 };
}

static bool has_room(const fr_prompting *p, const technique_ask *a)
{
    size_t most = fr_endpoint_context(p->endpoint), answer = a->sampling.max_tokens + 4;
    if (most == 0 || a->prompt.n + answer <= most) /* a token is a byte at least */
        return true;
    size_t n = fr_endpoint_count(p->endpoint, fr_buf_str(&a->prompt));
    return n == 0 || n + answer <= most;
}

static void count(technique_ask *a, fr_answer *got)
{
    fr_tried *t = a->tried;
    t->n_calls++;
    t->prompt_tokens += got->prompt_tokens;
    t->cached_tokens += got->cached_tokens;
    t->completion_tokens += got->completion_tokens;
    t->duration_s += got->duration_s;
    a->text = got->text;
    got->text = NULL;
}

int technique_ask_all(const fr_prompting *p, technique_ask *asks, size_t n, fr_err *err)
{
    fr_ask *list = FR_NEW_N(fr_ask, n);
    fr_answer *got = FR_NEW_N(fr_answer, n);
    size_t *whose = FR_NEW_N(size_t, n), n_list = 0;
    for (size_t i = 0; i < n; i++) {
        if (asks[i].prompt.full || !has_room(p, &asks[i])) {
            asks[i].tried->ended = "too-long";
            continue;
        }
        whose[n_list] = i;
        list[n_list++] =
            (fr_ask){ .prompt = fr_buf_str(&asks[i].prompt), .sampling = asks[i].sampling };
    }
    int rc = fr_endpoint_ask(p->endpoint, list, n_list, got, p->progress, err);
    for (size_t i = 0; i < n_list && rc == 0; i++)
        count(&asks[whose[i]], &got[i]);
    for (size_t i = 0; i < n_list; i++)
        fr_answer_fini(&got[i]);
    free(list);
    free(got);
    free(whose);
    return rc;
}

/* ---- prompts ------------------------------------------------------------------------------ */

int technique_compose(const fr_prompting *p, const fr_technique *t, fr_str input,
                      const fr_str *knowledge, size_t n_knowledge, bool think, fr_buf *out,
                      fr_err *err)
{
    fr_shot shots[SHOTS_MOST];
    uint32_t at[SHOTS_MOST];
    size_t n = 0;
    if (t->pool != NULL && t->n_shots != 0)
        n = fr_shots_pick(t->pool, t->choice != FR_SHOTS_NONE ? t->choice : FR_SHOTS_RANDOM, input,
                          FR_MIN(t->n_shots, (size_t)SHOTS_MOST), at);
    for (size_t i = 0; i < n; i++)
        shots[i] = *fr_shots_at(t->pool, at[i]);
    fr_prompt_parts parts = { .kind = p->kind,
                              .labels = p->labels,
                              .n_labels = p->n_labels,
                              .shots = shots,
                              .n_shots = n,
                              .input = input,
                              .instruction = p->instruction,
                              .knowledge = knowledge,
                              .n_knowledge = n_knowledge,
                              .think = think };
    if (t->passages != NULL)
        FR_TRY(t->passages(t->passages_user, input, &parts.passages, &parts.n_passages, err));
    if (p->write == NULL) {
        fr_prompt_build(&parts, out);
        return 0;
    }
    FR_TRY(p->write(p->user, &parts, out, err));
    if (think) {
        if (out->n > 0 && out->at[out->n - 1] != '\n')
            fr_buf_put_c(out, '\n');
        fr_prompt_think(p->kind, out);
    }
    return 0;
}

int fr_technique_prompt(const fr_prompting *p, const fr_technique *t, fr_str input, fr_buf *out,
                        fr_err *err)
{
    return technique_compose(p, t, input, NULL, 0, t->kind == FR_TECHNIQUE_CHAIN_OF_THOUGHT, out,
                             err);
}

fr_sampling technique_sampling(const fr_prompting *p, bool think)
{
    static const char *const LINE_END[] = { "\n" };
    fr_sampling s = p->sampling;
    s.stop = NULL;
    s.n_stop = 0;
    if (s.max_tokens == 0)
        s.max_tokens = ANSWER_TOKENS;
    if (think) {
        s.max_tokens += p->thought_tokens != 0 ? p->thought_tokens : THOUGHT_TOKENS;
        s.grammar = NULL;
    } else if (p->write != NULL) {
        s.grammar = NULL;
    } else { /* our form ends its answer with the line; another need not */
        s.stop = LINE_END;
        s.n_stop = 1;
    }
    return s;
}

static void put_quoted(fr_buf *out, fr_str text)
{
    fr_buf_put_c(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\')
            fr_buf_put_c(out, '\\');
        fr_buf_put_c(out, text.at[i]);
    }
    fr_buf_put_s(out, "\"");
}

int fr_label_grammar(const fr_str *labels, size_t n, fr_grammar **out, fr_err *err)
{
    FR_AUTO(fr_buf) rules = { 0 };
    fr_buf_put_s(&rules, "root ::= (");
    for (size_t i = 0; i < n; i++) {
        FR_AUTO(fr_buf) line = { 0 };
        fr_prompt_completion(labels[i], &line);
        fr_buf_put_s(&rules, i != 0 ? " | " : " ");
        put_quoted(&rules, (fr_str){ line.at, line.n - 1 }); /* without its line end */
    }
    fr_buf_put_s(&rules, " ) \"\\n\"\n");
    return fr_grammar_parse(fr_buf_str(&rules), out, err);
}

char *technique_answer(const fr_prompting *p, const char *text)
{
    if (text == NULL)
        return NULL;
    fr_str said = p->write == NULL || p->kind != FR_TASK_TEXT ? fr_prompt_clean(fr_str_of(text))
                                                              : fr_str_trim(fr_str_of(text));
    if (p->kind == FR_TASK_LABEL)
        said = fr_prompt_match_label(p->labels, p->n_labels, said);
    return said.n != 0 ? fr_str_dup(said) : NULL;
}

/* ---- zero-shot, few-shot ------------------------------------------------------------------ */

static int ask_plainly(const fr_prompting *p, const fr_technique *t, const fr_str *inputs, size_t n,
                       fr_tried *tried, fr_err *err)
{
    technique_ask *asks = FR_NEW_N(technique_ask, n);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        asks[i].tried = &tried[i];
        asks[i].sampling = technique_sampling(p, false);
        rc = technique_compose(p, t, inputs[i], NULL, 0, false, &asks[i].prompt, err);
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

static int one_by_one(const fr_prompting *p, const fr_technique *t, const fr_str *inputs, size_t n,
                      fr_tried *tried, fr_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (fr_progress_stopped(p->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu answers", i, n);
        FR_TRY(t->kind == FR_TECHNIQUE_REACT ? ask_with_tools(p, t, inputs[i], &tried[i], err)
                                             : ask_by_vote(p, t, inputs[i], &tried[i], err));
    }
    return 0;
}

int fr_technique_ask(const fr_prompting *p, const fr_technique *t, const fr_str *inputs, size_t n,
                     fr_tried *tried, fr_err *err)
{
    memset(tried, 0, n * sizeof(*tried));
    fr_sampling thinking = technique_sampling(p, true);
    int rc = 0;
    switch (t->kind) {
    case FR_TECHNIQUE_CHAIN_OF_THOUGHT:
        rc = ask_thinking(p, t, inputs, n, &thinking, tried, err);
        break;
    case FR_TECHNIQUE_GENERATED_KNOWLEDGE:
        rc = ask_with_knowledge(p, t, inputs, n, tried, err);
        break;
    case FR_TECHNIQUE_SELF_CONSISTENCY:
    case FR_TECHNIQUE_REACT:
        rc = one_by_one(p, t, inputs, n, tried, err);
        break;
    case FR_TECHNIQUE_NONE:
    case FR_TECHNIQUE_ZERO_SHOT:
    case FR_TECHNIQUE_FEW_SHOT:
        rc = ask_plainly(p, t, inputs, n, tried, err);
        break;
    }
    for (size_t i = 0; i < n && rc != 0; i++)
        fr_tried_fini(&tried[i]);
    return rc;
}
