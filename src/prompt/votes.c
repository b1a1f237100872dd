/* Self-consistency: samples from one prefix, and a vote that ends when it is decided. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "prompt/techniques_priv.h"
#include "quality/quality.h"

#define SAMPLES     10
#define CONFIDENCE  0.95
#define TEMPERATURE 0.7

/* ---- counting ----------------------------------------------------------------------------- */

void fr_votes_put(fr_votes *votes, fr_task_kind kind, fr_str answer)
{
    FR_AUTO(fr_buf) key = { 0 };
    votes->n_votes++;
    answer = fr_str_trim(answer);
    if (answer.n == 0)
        return;
    if (kind == FR_TASK_LABEL)
        fr_buf_put_str(&key, answer);
    else
        fr_answer_normalize(answer, &key);
    if (key.n == 0) /* nothing but articles and marks: then by the letter */
        fr_buf_put_str(&key, answer);
    for (size_t i = 0; i < votes->n; i++) {
        if (strcmp(votes->at[i].key, fr_buf_text(&key)) == 0) {
            votes->at[i].n++;
            return;
        }
    }
    FR_GROW(votes->at, votes->n, votes->cap);
    votes->at[votes->n++] = (fr_vote){ fr_buf_take(&key), fr_str_dup(answer), 1 };
}

void fr_votes_fini(fr_votes *votes)
{
    for (size_t i = 0; i < votes->n; i++) {
        free(votes->at[i].key);
        free(votes->at[i].text);
    }
    free(votes->at);
    *votes = (fr_votes){ 0 };
}

const fr_vote *fr_votes_winner(const fr_votes *votes)
{
    const fr_vote *best = NULL;
    for (size_t i = 0; i < votes->n; i++) {
        if (best == NULL || votes->at[i].n > best->n)
            best = &votes->at[i];
    }
    return best;
}

/* ---- deciding ----------------------------------------------------------------------------- */

/* P(p < 1/2) of Beta(a + 1, b + 1) is P(at most b heads of a + b + 1 fair coins), for whole a, b.
 */
double fr_vote_confidence(size_t first, size_t second)
{
    double n = (double)(first + second) + 1, sum = 0;
    for (size_t k = 0; k <= second; k++)
        sum += exp(lgamma(n + 1) - lgamma((double)k + 1) - lgamma(n - (double)k + 1) - n * log(2));
    return 1 - sum;
}

bool fr_vote_is_decided(size_t first, size_t second, size_t left, double confidence)
{
    if (first > second + left)
        return true;
    return first > second && fr_vote_confidence(first, second) >= confidence;
}

static bool is_decided(const fr_votes *votes, size_t left, double confidence)
{
    const fr_vote *first = fr_votes_winner(votes);
    size_t second = 0;
    for (size_t i = 0; i < votes->n; i++) {
        if (&votes->at[i] != first)
            second = FR_MAX(second, votes->at[i].n);
    }
    return first != NULL && fr_vote_is_decided(first->n, second, left, confidence);
}

/* So many alike, from the first on, decide it; fewer never do. */
static size_t least_that_decide(size_t most, double confidence)
{
    size_t n = 1;
    while (n < most && !fr_vote_is_decided(n, 0, most - n, confidence))
        n++;
    return n;
}

/* ---- asking ------------------------------------------------------------------------------- */

typedef struct {
    const fr_prompting *p;
    const fr_technique *t;
    fr_str input;
    fr_buf prompt;
    fr_tried *out;
    fr_votes votes;
    size_t n_asked;
    double confidence, joules_before;
    size_t most;
} ballot;

/* Each sample draws from a stream of its own: what it says depends on its number alone. */
static uint64_t seed_of(const ballot *b, size_t number)
{
    return b->p->sampling.seed * 0x9E3779B97F4A7C15u + number + 1;
}

static int sample(ballot *b, size_t n, fr_err *err)
{
    technique_ask *asks = FR_NEW_N(technique_ask, n);
    for (size_t i = 0; i < n; i++) {
        asks[i].tried = b->out;
        asks[i].sampling = technique_sampling(b->p, b->t->thinks);
        if (!(asks[i].sampling.temperature > 0))
            asks[i].sampling.temperature = TEMPERATURE;
        asks[i].sampling.seed = seed_of(b, b->n_asked + i);
        fr_buf_put_str(&asks[i].prompt, fr_buf_str(&b->prompt));
    }
    int rc = technique_ask_all(b->p, asks, n, err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        char *answer = NULL;
        if (b->t->thinks && asks[i].text != NULL) {
            fr_str said = fr_answer_extract(b->p->kind, b->p->labels, b->p->n_labels,
                                            fr_str_of(asks[i].text));
            answer = said.n != 0 ? fr_str_dup(said) : NULL;
        } else {
            answer = technique_answer(b->p, asks[i].text);
        }
        fr_votes_put(&b->votes, b->p->kind, fr_str_of(answer));
        json_t *step = json_pack("{s:I}", "sample", (json_int_t)(b->n_asked + i + 1));
        json_object_set_new(step, "answer",
                            answer != NULL ? json_slice(fr_str_of(answer)) : json_null());
        if (b->t->thinks && asks[i].text != NULL)
            json_object_set_new(step, "thoughts", json_slice(fr_str_of(asks[i].text)));
        technique_note(b->out, step);
        free(answer);
    }
    b->n_asked += n;
    b->out->n_samples += n;
    for (size_t i = 0; i < n; i++)
        technique_ask_fini(&asks[i]);
    free(asks);
    return rc;
}

static bool is_over(ballot *b)
{
    const fr_prompting *p = b->p;
    if (b->out->ended != NULL) /* too long */
        return true;
    if (is_decided(&b->votes, b->most - b->n_asked, b->confidence))
        b->out->ended = "decided";
    else if (b->n_asked == b->most)
        b->out->ended = "samples";
    else if (b->t->max_j > 0 && p->joules != NULL &&
             p->joules(p->meter) - b->joules_before > b->t->max_j)
        b->out->ended = "joules";
    return b->out->ended != NULL;
}

/* One alone, so that the prefix is computed once and lies in the cache; then as many as could
 * decide it if they agreed; then one at a time. */
static int hold(ballot *b, fr_err *err)
{
    size_t least = least_that_decide(b->most, b->confidence), next = 1;
    while (!is_over(b)) {
        next = FR_MIN(next, b->most - b->n_asked);
        FR_TRY(sample(b, next, err));
        next = b->n_asked < least ? least - b->n_asked : 1;
        if (fr_progress_stopped(b->p->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu samples", b->n_asked);
    }
    const fr_vote *winner = fr_votes_winner(&b->votes);
    if (winner != NULL)
        b->out->answer = fr_dup(winner->text);
    return 0;
}

int ask_by_vote(const fr_prompting *p, const fr_technique *t, fr_str input, fr_tried *out,
                fr_err *err)
{
    ballot b = { .p = p,
                 .t = t,
                 .input = input,
                 .out = out,
                 .most = t->samples != 0 ? t->samples : SAMPLES,
                 .confidence = t->confidence > 0 ? t->confidence : CONFIDENCE };
    if (p->joules != NULL)
        b.joules_before = p->joules(p->meter);
    int rc = technique_compose(p, t, input, NULL, 0, t->thinks, &b.prompt, err);
    if (rc == 0)
        rc = hold(&b, err);
    fr_buf_fini(&b.prompt);
    fr_votes_fini(&b.votes);
    return rc;
}
