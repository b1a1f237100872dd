/* Prompt search inside zero-shot and few-shot: which instruction, which examples and how many, by
 * successive halving on dev rows. Eval is not known here, as in all of a rung. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/prompted.h"
#include "base/mem.h"
#include "prompt/halving.h"
#include "prompt/instructions.h"

#define INSTRUCTIONS_FEW 4 /* the empty one among them; by rule alone */
#define INSTRUCTIONS     8 /* of a model that can write them */
#define FOLLOWS_PARAMS   50000000

bool fr_prompted_follows(fr_rung *r)
{
    if (r->model->path == NULL)
        return true;
    FR_AUTOPTR(fr_model) model = NULL;
    return fr_model_open(r->model->path, &model, NULL) != 0 ||
           fr_model_n_params(model) >= FOLLOWS_PARAMS;
}

typedef struct {
    fr_rung *r;
    const fr_prompt_arm *arms;
} search;

static void use_arm(fr_rung *r, const fr_prompt_arm *a)
{
    fr_prompted *p = r->state;
    if (p->pool != NULL)
        fr_prompted_use_shots(p, a->choice, a->n_shots);
    free(p->instruction);
    p->instruction =
        a->instruction != NULL && a->instruction[0] != '\0' ? fr_dup(a->instruction) : NULL;
}

static int score_likelihood(fr_rung *r, const fr_str *inputs, const fr_str *outputs, size_t n,
                            double *scores, fr_err *err)
{
    size_t *tokens = FR_NEW_N(size_t, n);
    int rc = fr_prompted_likelihood(r, inputs, outputs, n, scores, tokens, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        scores[i] /= (double)FR_MAX(tokens[i], (size_t)1);
    free(tokens);
    return rc;
}

static int score_arm(void *user, size_t arm, const uint32_t *rows, size_t n, double *scores,
                     fr_err *err)
{
    const search *s = user;
    fr_rung *r = s->r;
    fr_str *inputs = FR_NEW_N(fr_str, n), *outputs = FR_NEW_N(fr_str, n);
    char **answers = FR_NEW_N(char *, n);
    use_arm(r, &s->arms[arm]);
    fr_rung_doing(r, "trying prompt %zu on dev", arm + 1);
    for (size_t i = 0; i < n; i++) {
        inputs[i] = r->with.dev->at[rows[i]].input;
        outputs[i] = r->with.dev->at[rows[i]].output;
    }
    int rc = 0;
    if (r->with.metric->perplexity) {
        rc = score_likelihood(r, inputs, outputs, n, scores, err);
    } else {
        rc = fr_prompted_answer(r, inputs, n, true, answers, err);
        if (rc == 0)
            rc = fr_score_rows(r->with.metric, r->with.task_dir, inputs, answers, outputs, n,
                               scores, r->progress, err);
    }
    for (size_t i = 0; i < n; i++)
        free(answers[i]);
    free(answers);
    free(inputs);
    free(outputs);
    return rc;
}

/* Length, in examples and words; examples of an input's own cannot be served from the cache. */
static double cost_of(void *user, size_t arm)
{
    const fr_prompt_arm *a = &((const search *)user)->arms[arm];
    return (double)a->n_shots * (a->choice == FR_SHOTS_SIMILAR ? 2000 : 1000) +
           (a->instruction != NULL ? (double)strlen(a->instruction) : 0);
}

/* Whether the longest dev row still has room for all that an arm puts into its prompt. */
static int has_room(fr_rung *r, const fr_prompt_arm *a, bool *fits, fr_err *err)
{
    fr_prompted *p = r->state;
    const fr_data *dev = r->with.dev;
    size_t longest = 0, cut = p->n_cut;
    for (size_t i = 1; i < dev->n; i++) {
        if (dev->at[i].input.n > dev->at[longest].input.n)
            longest = i;
    }
    FR_AUTO(fr_buf) prompt = { 0 };
    use_arm(r, a);
    FR_TRY(fr_prompted_build_prompt(r, dev->at[longest].input, &prompt, fits, err));
    *fits = *fits && p->n_cut == cut;
    p->n_cut = cut;
    return 0;
}

static json_t *arm_json(const fr_rung *r, const fr_prompt_arm *a, const fr_halving_arm *h)
{
    bool perplexity = r->with.metric->perplexity;
    json_t *o = json_pack("{s:I, s:f}", "rows", (json_int_t)h->n_rows, "score",
                          perplexity ? exp(h->mean) : h->mean);
    if (a->choice != FR_SHOTS_NONE) {
        json_object_set_new(o, "shots", json_integer((json_int_t)a->n_shots));
        json_object_set_new(o, "choose", json_string(fr_shot_choice_name(a->choice)));
    }
    if (a->instruction != NULL) {
        json_object_set_new(o, "instruction", json_string(a->instruction));
        json_object_set_new(o, "origin", json_string(a->origin));
    }
    return o;
}

int fr_prompted_search(fr_rung *r, const fr_prompt_arm *arms, size_t n, fr_err *err)
{
    fr_prompt_arm *kept = FR_NEW_N(fr_prompt_arm, n);
    size_t n_kept = 0;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        bool fits = true;
        rc = has_room(r, &arms[i], &fits, err);
        if (fits || (i + 1 == n && n_kept == 0))
            kept[n_kept++] = arms[i];
    }
    search s = { r, kept };
    fr_halving h = { .n_arms = n_kept,
                     .n_rows = FR_MIN(r->with.dev->n, (size_t)FR_DEV_ROWS),
                     .better = r->with.metric->better,
                     .seed = r->seed,
                     .score = score_arm,
                     .cost = cost_of,
                     .user = &s };
    FR_AUTO(fr_halving_result) result = { 0 };
    if (rc == 0)
        rc = fr_halving_run(&h, &result, err);
    if (rc == 0) {
        use_arm(r, &kept[result.best]);
        json_t *tried = json_array();
        for (size_t i = 0; i < n_kept; i++)
            json_array_append_new(
                tried, arm_json(r, &kept[result.order[i]], &result.arms[result.order[i]]));
        json_decref(r->chosen);
        r->chosen = arm_json(r, &kept[result.best], &result.arms[result.best]);
        json_object_set_new(r->chosen, "tried", tried);
        json_object_set_new(r->chosen, "scored", json_integer((json_int_t)result.n_scored));
        fr_prompted *p = r->state;
        p->n_asked = p->n_too_long = p->n_cut = p->n_unmatched = 0;
    }
    free(kept);
    return rc;
}

/* ---- the two rungs ------------------------------------------------------------------------ */

static int pool_of_train(fr_rung *r, fr_err *err)
{
    const fr_data *train = r->with.train;
    fr_shot *rows = FR_NEW_N(fr_shot, train->n);
    for (size_t i = 0; i < train->n; i++)
        rows[i] = (fr_shot){ train->at[i].input, train->at[i].output };
    int rc = fr_prompted_pool(r, rows, train->n, err);
    free(rows);
    return rc;
}

int fr_prompted_build_few_shot(fr_rung *r, fr_err *err)
{
    static const size_t COUNTS[] = { 1, 2, 4, 8 };
    static const fr_shot_choice CHOICES[] = { FR_SHOTS_RANDOM, FR_SHOTS_DIVERSE, FR_SHOTS_SIMILAR };
    fr_prompt_arm arms[FR_COUNT_OF(COUNTS) * FR_COUNT_OF(CHOICES)];
    size_t n = 0;
    FR_TRY(pool_of_train(r, err));
    FR_TRY(fr_prompted_open(r, err));
    for (size_t k = 0; k < FR_COUNT_OF(COUNTS); k++) {
        for (size_t c = 0; c < FR_COUNT_OF(CHOICES); c++) {
            if (COUNTS[k] == 1 || COUNTS[k] <= r->with.train->n)
                arms[n++] = (fr_prompt_arm){ .choice = CHOICES[c], .n_shots = COUNTS[k] };
        }
    }
    int rc = fr_prompted_search(r, arms, n, err);
    fr_prompted_close(r);
    return rc;
}

static int candidates(fr_rung *r, fr_instructions *list, fr_err *err)
{
    fr_prompted *p = r->state;
    fr_instructions_put(list, (fr_str){ "", 0 }, "none");
    if (!fr_prompted_follows(r)) {
        fr_instructions_change(list, r->with.kind, INSTRUCTIONS_FEW, r->seed);
        return 0;
    }
    const fr_data *train = r->with.train;
    fr_shot *rows = FR_NEW_N(fr_shot, train->n);
    for (size_t i = 0; i < train->n; i++)
        rows[i] = (fr_shot){ train->at[i].input, train->at[i].output };
    fr_progress quiet = r->progress != NULL ? *r->progress : (fr_progress){ 0 };
    quiet.step = NULL;
    fr_prompting prompting = { .endpoint = p->endpoint,
                               .kind = r->with.kind,
                               .sampling = { .seed = r->seed },
                               .progress = &quiet };
    int rc = fr_instructions_propose(&prompting, rows, train->n, INSTRUCTIONS, list, err);
    free(rows);
    return rc;
}

int fr_prompted_build_zero_shot(fr_rung *r, fr_err *err)
{
    FR_AUTO(fr_instructions) list = { 0 };
    FR_TRY(fr_prompted_open(r, err));
    int rc = candidates(r, &list, err);
    fr_prompt_arm *arms = FR_NEW_N(fr_prompt_arm, list.n);
    for (size_t i = 0; i < list.n; i++)
        arms[i] = (fr_prompt_arm){ .instruction = list.at[i].text, .origin = list.at[i].origin };
    if (rc == 0)
        rc = fr_prompted_search(r, arms, list.n, err);
    if (rc == 0)
        json_object_set_new(r->chosen, "instruction_calls", json_integer((json_int_t)list.n_calls));
    free(arms);
    fr_prompted_close(r);
    return rc;
}
