#include "prompt/instructions.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/random.h"
#include "prompt/techniques_priv.h"

#define LEAST_BYTES 3
#define MOST_BYTES  400
#define MOST_TOKENS 64
#define SHOWN       4 /* examples in a proposal */
#define TEMPERATURE 0.9

void fr_instructions_fini(fr_instructions *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->at[i].text);
    free(list->at);
    *list = (fr_instructions){ 0 };
}

/* White space as one blank, quotes around it gone. Owned. */
static char *tidied(fr_str text)
{
    FR_AUTO(fr_buf) out = { 0 };
    text = fr_str_trim(text);
    while (text.n >= 2 && text.at[0] == '"' && text.at[text.n - 1] == '"')
        text = fr_str_trim((fr_str){ text.at + 1, text.n - 2 });
    for (size_t i = 0; i < text.n; i++) {
        bool blank = isspace((unsigned char)text.at[i]) != 0;
        if (!blank || (out.n > 0 && out.at[out.n - 1] != ' '))
            fr_buf_put_c(&out, blank ? ' ' : text.at[i]);
    }
    return fr_buf_take(&out);
}

bool fr_instructions_put(fr_instructions *list, fr_str text, const char *origin)
{
    char *tidy = tidied(text);
    size_t n = strlen(tidy);
    bool good = (n >= LEAST_BYTES || strcmp(origin, "none") == 0) && n <= MOST_BYTES;
    for (size_t i = 0; i < list->n && good; i++)
        good = strcasecmp(list->at[i].text, tidy) != 0;
    if (!good) {
        free(tidy);
        return false;
    }
    FR_GROW(list->at, list->n, list->cap);
    list->at[list->n++] = (fr_instruction){ tidy, origin };
    return true;
}

/* ---- by rule ------------------------------------------------------------------------------ */

static const char *const *cues_of(fr_task_kind kind)
{
    static const char *const LABEL[] = { "Choose the label that fits best.",
                                         "Answer with one label and nothing else.",
                                         "Read the text, then give its label.", NULL };
    static const char *const ANSWER[] = { "Answer with as few words as possible.",
                                          "Copy the answer from the passages, word for word.",
                                          "Answer the question.", NULL };
    static const char *const TEXT[] = { "Do exactly what is asked.", "Be brief.",
                                        "Write the response and nothing else.", NULL };
    return kind == FR_TASK_LABEL ? LABEL : kind == FR_TASK_ANSWER ? ANSWER : TEXT;
}

/* One of an instruction's sentences left out; appended to out. */
static void leave_out(const char *text, uint64_t which, fr_buf *out)
{
    size_t sentences = 0, number = 0;
    for (const char *c = text; *c != '\0'; c++)
        sentences += (*c == '.' || *c == '!' || *c == ';') && (c[1] == ' ' || c[1] == '\0');
    for (const char *c = text; *c != '\0'; c++) {
        if (sentences < 2 || number != which % sentences)
            fr_buf_put_c(out, *c);
        number += (*c == '.' || *c == '!' || *c == ';') && (c[1] == ' ' || c[1] == '\0');
    }
}

void fr_instructions_change(fr_instructions *list, fr_task_kind kind, size_t n, uint64_t seed)
{
    const char *const *cues = cues_of(kind);
    size_t n_cues = 0;
    while (cues[n_cues] != NULL)
        n_cues++;
    for (size_t i = 0; i < n_cues && list->n < n; i++)
        fr_instructions_put(list, fr_str_of(cues[i]), "changed");
    for (size_t try = 0; try < 20 * n && list->n < n && list->n > 0; try++) {
        const char *one = list->at[fr_random_below(list->n, seed, FR_RANDOM_TRIAL, 1, try)].text;
        const char *two = list->at[fr_random_below(list->n, seed, FR_RANDOM_TRIAL, 2, try)].text;
        const char *cue = cues[fr_random_below(n_cues, seed, FR_RANDOM_TRIAL, 3, try)];
        FR_AUTO(fr_buf) made = { 0 };
        switch (fr_random_below(4, seed, FR_RANDOM_TRIAL, 4, try)) {
        case 0:
            leave_out(one, fr_random_u64(seed, FR_RANDOM_TRIAL, 5, try), &made);
            break;
        case 1:
            fr_buf_put_f(&made, "%s %s", one, two);
            break;
        case 2:
            fr_buf_put_f(&made, "%s %s", one, cue);
            break;
        default:
            fr_buf_put_f(&made, "%s %s", cue, one);
        }
        fr_instructions_put(list, fr_buf_str(&made), "changed");
    }
}

/* ---- by the model ------------------------------------------------------------------------- */

static void compose_proposal(const fr_shot *shots, size_t n_shots, uint64_t seed, size_t number,
                             fr_buf *out)
{
    fr_buf_put_s(out, "Each input below was turned into its output by one instruction.\n\n");
    for (size_t i = 0; i < FR_MIN(n_shots, (size_t)SHOWN); i++) {
        const fr_shot *s = &shots[fr_random_below(n_shots, seed, FR_RANDOM_SHOTS, 16 + number, i)];
        fr_buf_put_f(out, "Input: %.*s\nOutput: %.*s\n\n", FR_STR_F(fr_prompt_clean(s->input)),
                     FR_STR_F(fr_prompt_clean(s->output)));
    }
    fr_buf_put_s(out, "In one sentence, the instruction was:");
}

static int ask_for_lines(const fr_prompting *p, technique_ask *asks, size_t n,
                         fr_instructions *list, const char *origin, fr_err *err)
{
    static const char *const LINE_END[] = { "\n" };
    fr_tried spent = { 0 };
    for (size_t i = 0; i < n; i++) {
        asks[i].tried = &spent;
        asks[i].sampling = p->sampling;
        asks[i].sampling.max_tokens = MOST_TOKENS;
        asks[i].sampling.grammar = NULL;
        asks[i].sampling.stop = LINE_END;
        asks[i].sampling.n_stop = 1;
        if (!(asks[i].sampling.temperature > 0))
            asks[i].sampling.temperature = TEMPERATURE;
        asks[i].sampling.seed = p->sampling.seed * 0x9E3779B97F4A7C15u + 1000 + i;
    }
    int rc = n != 0 ? technique_ask_all(p, asks, n, err) : 0;
    for (size_t i = 0; i < n; i++) {
        if (rc == 0 && asks[i].text != NULL)
            fr_instructions_put(list, fr_prompt_clean(fr_str_of(asks[i].text)), origin);
        technique_ask_fini(&asks[i]);
    }
    list->n_calls += spent.n_calls;
    list->prompt_tokens += spent.prompt_tokens;
    list->completion_tokens += spent.completion_tokens;
    return rc;
}

int fr_instructions_propose(const fr_prompting *p, const fr_shot *shots, size_t n_shots, size_t n,
                            fr_instructions *list, fr_err *err)
{
    if (list->n == 0)
        fr_instructions_put(list, (fr_str){ "", 0 }, "none");
    size_t third = (n + 2) / 3;
    technique_ask *asks = FR_NEW_N(technique_ask, third);
    for (size_t i = 0; i < third; i++)
        compose_proposal(shots, n_shots, p->sampling.seed, i, &asks[i].prompt);
    int rc = n_shots != 0 && list->n < n ? ask_for_lines(p, asks, third, list, "proposed", err) : 0;
    for (size_t i = 0; i < third; i++)
        technique_ask_fini(&asks[i]);
    free(asks);
    FR_TRY(rc);
    size_t known = list->n, n_asks = 0;
    asks = FR_NEW_N(technique_ask, third);
    for (size_t i = 0; i < known && n_asks < third; i++) {
        if (list->at[i].text[0] != '\0')
            fr_buf_put_f(
                &asks[n_asks++].prompt,
                "Say the same in other words.\nSentence: %s\nIn other words:", list->at[i].text);
    }
    rc = list->n < n ? ask_for_lines(p, asks, n_asks, list, "paraphrased", err) : 0;
    for (size_t i = 0; i < n_asks; i++)
        technique_ask_fini(&asks[i]);
    free(asks);
    FR_TRY(rc);
    while (list->n > FR_MAX(n, (size_t)1)) /* more than was asked for */
        free(list->at[--list->n].text);
    fr_instructions_change(list, p->kind, n, p->sampling.seed);
    return 0;
}
