/*
 * The answer to a question inside passages, without any model: every short span of every sentence
 * is scored by what its sentence shares with the question and by what the question asks for.
 *
 * The features are a hand's full, their weights stand in one table. They were set by coordinate
 * search on half of the paragraphs of XQuAD-en and on examples/questions/train.jsonl; the other
 * half is what docs/performance.md reports.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "classic/extract_priv.h"

#define SPAN_WORDS_MAX 10

#define EXTRACT_VALUE(name, value) value,
EXTRACT_WEIGHTS_CONST extract_weights EXTRACT_WEIGHTS = { EXTRACT_FEATURES(EXTRACT_VALUE) };
#undef EXTRACT_VALUE

/* For each word of a passage: which word of the question it matches, and how well. */
typedef struct {
    const question *q;
    const passage *p;
    size_t rank;
    double *match;          /* [n_words]: weight of the matched question word times likeness */
    size_t *matched;        /* [n_words]: the question's word; SIZE_MAX: none */
    double *sentence_share; /* [n_sentences]: of the question's weight that stands in it */
    double passage_share;
} reading;

static void match_words(reading *r)
{
    const question *q = r->q;
    for (size_t i = 0; i < r->p->n_words; i++) {
        r->matched[i] = SIZE_MAX;
        for (size_t j = 0; j < q->p.n_words; j++) {
            if (q->weight[j] <= 0.0)
                continue;
            double like = word_likeness(passage_fold(r->p, i), passage_fold(&q->p, j));
            if (like * q->weight[j] > r->match[i]) {
                r->match[i] = like * q->weight[j];
                r->matched[i] = j;
            }
        }
    }
}

/* Weight of the distinct question words that stand in words first…end-1. */
static double share_of(const reading *r, size_t first, size_t end)
{
    double sum = 0.0;
    for (size_t j = 0; j < r->q->p.n_words; j++) {
        double most = 0.0;
        for (size_t i = first; i < end && r->q->weight[j] > 0.0; i++) {
            if (r->matched[i] == j && r->match[i] > most)
                most = r->match[i];
        }
        sum += most;
    }
    return r->q->total > 0.0 ? sum / r->q->total : 0.0;
}

static void reading_init(reading *r, const question *q, const passage *p, size_t rank)
{
    *r = (reading){ .q = q,
                    .p = p,
                    .rank = rank,
                    .match = FR_NEW_N(double, p->n_words),
                    .matched = FR_NEW_N(size_t, p->n_words),
                    .sentence_share = FR_NEW_N(double, p->n_sentences) };
    match_words(r);
    for (size_t s = 0; s < p->n_sentences; s++)
        r->sentence_share[s] = share_of(r, p->sentences[s].first, p->sentences[s].end);
    r->passage_share = share_of(r, 0, p->n_words);
}

static void reading_fini(reading *r)
{
    free(r->match);
    free(r->matched);
    free(r->sentence_share);
}

/* --- what a span looks like --------------------------------------------------------------------
 */

typedef struct {
    size_t words, capitals, numbers, dates, stops, matched;
    double matched_weight;
    bool gap_inside, comma_inside;
} span_look;

static void look_add(span_look *l, const reading *r, size_t i, bool first)
{
    const passage_word *w = &r->p->words[i];
    l->words++;
    l->capitals += (w->kinds & WORD_CAPITAL) != 0;
    l->numbers += (w->kinds & WORD_NUMBER) != 0;
    l->dates += (w->kinds & WORD_DATE) != 0;
    l->stops += (w->kinds & WORD_STOP) != 0;
    l->matched += r->matched[i] != SIZE_MAX;
    l->matched_weight += r->match[i];
    if (!first && w->gap != 0) {
        l->gap_inside |= (w->gap & (GAP_BRACKET | GAP_STOP)) != 0;
        l->comma_inside |= (w->gap & (GAP_COMMA | GAP_QUOTE)) != 0;
    }
}

static bool stands_before(const reading *r, sentence s, size_t first, const char *list)
{
    if (first == s.first)
        return false;
    fr_str before = passage_fold(r->p, first - 1), rest = fr_str_of(list), one;
    while (fr_str_next(&rest, ' ', &one)) {
        if (fr_str_equal(one, before))
            return true;
    }
    return false;
}

static double type_score(const reading *r, sentence s, size_t first, size_t end, const span_look *l)
{
    const extract_weights *w = &EXTRACT_WEIGHTS;
    size_t content = l->words - l->stops;
    bool named = l->capitals >= content && !(r->p->words[first].kinds & WORD_STOP) &&
                 !(first == s.first && l->words == 1);
    (void)end;
    switch (r->q->kind) {
    case ASKS_WHO:
        return (named && l->numbers == 0 ? w->who_named : 0.0) -
               (l->numbers > 0 ? w->who_number : 0.0) +
               (stands_before(r, s, first, "by") ? w->who_by : 0.0);
    case ASKS_WHERE:
        return (named && l->numbers == 0 ? w->where_named : 0.0) -
               (l->dates > 0 ? w->where_date : 0.0) +
               (stands_before(r, s, first, "in at near from to of en in bei aus nach") ? w->where_in
                                                                                       : 0.0);
    case ASKS_WHEN: {
        double score = l->dates > 0 ? w->when_date : l->numbers > 0 ? w->when_number : 0.0;
        if (r->q->year && l->dates > 0)
            score += l->words == 1 && l->numbers == 1 ? w->when_year_alone : 0.0;
        if (r->q->weekday && l->dates > 0 && l->numbers == 0)
            score += w->when_weekday;
        return score;
    }
    case ASKS_NUMBER: {
        double score = l->numbers > 0 ? w->number_number : 0.0;
        score -= l->numbers > 0 && l->dates > 0 ? w->number_date : 0.0;
        score -= l->numbers > 0 && content > l->numbers ? w->number_rest : 0.0;
        /* "22 metres" for "how many metres" */
        if (l->numbers > 0 && r->q->focus != SIZE_MAX) {
            for (size_t i = end; i < s.end && i < end + 3; i++)
                score += r->matched[i] == r->q->focus ? w->number_unit : 0.0;
        }
        return score;
    }
    case ASKS_NAME:
        return named ? w->name_named : 0.0;
    case ASKS_WHY:
        return stands_before(r, s, first, "because since due to of for") ? w->why_because : 0.0;
    default:
        return (named ? w->any_named : 0.0) + (l->dates > 0 ? w->any_date : 0.0) +
               (l->numbers > 0 ? w->any_number : 0.0);
    }
}

/* A span that leaves out the rest of its phrase: the neighbour is content, and nothing parts them.
 */
static bool cuts_phrase(const reading *r, sentence s, size_t left, size_t right)
{
    if (left < s.first || right >= s.end)
        return false;
    const passage_word *a = &r->p->words[left], *b = &r->p->words[right];
    if (b->gap != 0 || ((a->kinds | b->kinds) & WORD_STOP))
        return false;
    return r->matched[left] == SIZE_MAX && r->matched[right] == SIZE_MAX;
}

static bool is_verb_like(fr_str fold)
{
    return (fold.n > 4 && (fr_str_ends(fold, FR_STR("ed")) || fr_str_ends(fold, FR_STR("ing")))) ||
           (fold.n > 5 && fr_str_ends(fold, FR_STR("ly")));
}

static double edge_score(const reading *r, sentence s, size_t first, size_t end)
{
    const extract_weights *w = &EXTRACT_WEIGHTS;
    const passage_word *words = r->p->words;
    double score = 0.0;
    if (first > s.first && cuts_phrase(r, s, first - 1, first)) {
        bool capitals = words[first - 1].kinds & words[first].kinds & WORD_CAPITAL;
        score -= capitals ? w->cut_name : w->cut_phrase;
    }
    if (end < s.end && cuts_phrase(r, s, end - 1, end)) {
        bool capitals = words[end - 1].kinds & words[end].kinds & WORD_CAPITAL;
        score -= capitals ? w->cut_name : w->cut_phrase;
    }
    score -= words[first].kinds & WORD_STOP ? w->stop_first : 0.0;
    score -= words[end - 1].kinds & WORD_STOP ? w->stop_last : 0.0;
    score -= is_verb_like(passage_fold(r->p, first)) ? w->verb_first : 0.0;
    score += first > s.first && (words[first].gap & GAP_QUOTE) ? w->quoted : 0.0;
    score += end == s.end || words[end].gap != 0 ? w->before_mark : 0.0;
    score += stands_before(r, s, first, "is was are were called named of as by the a an")
                 ? w->after_copula
                 : 0.0;
    return score;
}

/* How near the question's words stand to the span, by weight. */
static double nearness(const reading *r, sentence s, size_t first, size_t end)
{
    double sum = 0.0;
    for (size_t j = 0; j < r->q->p.n_words; j++) {
        double most = 0.0;
        for (size_t i = s.first; i < s.end && r->q->weight[j] > 0.0; i++) {
            if (r->matched[i] != j || (i >= first && i < end))
                continue;
            double away = i < first ? (double)(first - i) : (double)(i - end + 1);
            double near = r->match[i] / (1.0 + away / EXTRACT_WEIGHTS.reach);
            most = near > most ? near : most;
        }
        sum += most;
    }
    return r->q->total > 0.0 ? sum / r->q->total : 0.0;
}

/* The asked noun right beside the span: "the river Heronsike" for "which river". */
static double focus_score(const reading *r, sentence s, size_t first, size_t end)
{
    if (r->q->focus == SIZE_MAX)
        return 0.0;
    double score = 0.0;
    if (first > s.first && r->matched[first - 1] == r->q->focus)
        score += EXTRACT_WEIGHTS.focus_beside;
    if (end < s.end && r->matched[end] == r->q->focus)
        score += EXTRACT_WEIGHTS.focus_beside;
    return score;
}

static double span_score(const reading *r, size_t sentence_at, size_t first, size_t end,
                         const span_look *l)
{
    const extract_weights *w = &EXTRACT_WEIGHTS;
    sentence s = r->p->sentences[sentence_at];
    double before = sentence_at > 0 ? r->sentence_share[sentence_at - 1] : 0.0;
    double said = r->q->total > 0.0 ? l->matched_weight / r->q->total : 0.0;
    return w->sentence * r->sentence_share[sentence_at] + w->sentence_before * before +
           w->passage * r->passage_share - w->rank * (double)r->rank +
           type_score(r, s, first, end, l) + edge_score(r, s, first, end) +
           w->near * nearness(r, s, first, end) + focus_score(r, s, first, end) - w->said * said -
           (l->matched > 0 ? w->said_any : 0.0) - w->length * (double)(l->words - 1) -
           (l->comma_inside ? w->comma : 0.0);
}

typedef struct {
    double score;
    size_t passage, begin, end; /* bytes */
} found;

static void search_sentence(const reading *r, size_t at, size_t passage_at, found *best)
{
    sentence s = r->p->sentences[at];
    for (size_t first = s.first; first < s.end; first++) {
        span_look look = { 0 };
        for (size_t end = first + 1; end <= s.end && end - first <= SPAN_WORDS_MAX; end++) {
            look_add(&look, r, end - 1, end - 1 == first);
            if (look.gap_inside)
                break;
            if (look.stops == look.words || look.matched == look.words)
                continue;
            double score = span_score(r, at, first, end, &look);
            if (score > best->score)
                *best = (found){ score, passage_at, r->p->words[first].begin,
                                 r->p->words[end - 1].end };
        }
    }
}

void fr_extract_answer(fr_str question_text, const fr_str *passages, size_t n, fr_idf_fn idf,
                       void *user, fr_buf *out)
{
    question q;
    question_read(&q, question_text, idf, user);
    found best = { .score = -INFINITY };
    for (size_t i = 0; i < n; i++) {
        passage p = { 0 };
        passage_read(&p, passages[i]);
        reading r;
        reading_init(&r, &q, &p, i);
        for (size_t s = 0; s < p.n_sentences; s++)
            search_sentence(&r, s, i, &best);
        reading_fini(&r);
        passage_fini(&p);
    }
    question_fini(&q);
    if (best.score > -INFINITY)
        fr_buf_put(out, passages[best.passage].at + best.begin, best.end - best.begin);
}
