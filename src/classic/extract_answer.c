/*
 * The answer to a question inside passages, without any model: every short span of every sentence
 * is scored by what its sentence shares with the question, by where it stands and by what is asked
 * for.
 *
 * Features are named in extract_priv.h, their weights stand in extract_weights.c: a log-linear
 * model of which span is right, fitted on every second paragraph of XQuAD-en
 * (bench/fit_extraction.py). The other paragraphs are what docs/performance.md reports.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "classic/extract_priv.h"

#define SPAN_WORDS_MAX 10
#define REACH_NEAR     3.0 /* words */
#define REACH_AROUND   12.0

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

/* --- features -----------------------------------------------------------------------------------
 */

/* A span's score, and its features where somebody wants them. */
typedef struct {
    const reading *r;
    sentence s;
    double share_best; /* of all sentences of all passages */
    float features[EXTRACT_N];
} scorer;

static void common(scorer *c, int feature, double value)
{
    c->features[feature] = (float)value;
}

static void by_kind(scorer *c, int feature, double value)
{
    c->features[EXTRACT_N_COMMON + (int)c->r->q->kind * EXTRACT_N_BY_KIND + feature] = (float)value;
}

typedef struct {
    size_t words, capitals, numbers, dates, stops, matched, money;
    double matched_weight;
    bool broken, comma, focus;
} span_look;

static void look_add(span_look *l, const reading *r, size_t i, bool first)
{
    const passage_word *w = &r->p->words[i];
    l->words++;
    l->capitals += (w->kinds & (WORD_CAPITAL | WORD_STOP)) == WORD_CAPITAL;
    l->numbers += (w->kinds & WORD_NUMBER) != 0;
    l->dates += (w->kinds & WORD_DATE) != 0;
    l->stops += (w->kinds & WORD_STOP) != 0;
    l->money += (w->kinds & WORD_MONEY) != 0;
    l->matched += r->matched[i] != SIZE_MAX;
    l->matched_weight += r->match[i];
    l->focus |= r->matched[i] != SIZE_MAX && r->matched[i] == r->q->focus;
    if (!first) {
        l->broken |= (w->gap & (GAP_BRACKET | GAP_STOP)) != 0;
        l->comma |= (w->gap & (GAP_COMMA | GAP_QUOTE)) != 0;
    }
}

static bool in_words(fr_str word, const char *list)
{
    fr_str rest = fr_str_of(list), one;
    while (fr_str_next(&rest, ' ', &one)) {
        if (fr_str_equal(one, word))
            return true;
    }
    return false;
}

/* A span that leaves out the rest of its phrase: the neighbour is content, and nothing parts them.
 */
static bool cuts_phrase(const reading *r, size_t left, size_t right)
{
    const passage_word *a = &r->p->words[left], *b = &r->p->words[right];
    return b->gap == 0 && !((a->kinds | b->kinds) & WORD_STOP) && r->matched[left] == SIZE_MAX &&
           r->matched[right] == SIZE_MAX;
}

static bool is_name_pair(const reading *r, size_t left, size_t right)
{
    return r->p->words[left].kinds & r->p->words[right].kinds & WORD_CAPITAL;
}

static bool is_verb_like(fr_str fold)
{
    return fold.n > 4 && (fr_str_ends(fold, FR_STR("ed")) || fr_str_ends(fold, FR_STR("ing")));
}

static bool is_adverb_like(fr_str fold)
{
    return fold.n > 4 && fr_str_ends(fold, FR_STR("ly"));
}

/* What stands before a span: found once for all spans that begin there. */
static void look_left(scorer *c, size_t first)
{
    const reading *r = c->r;
    const passage_word *words = r->p->words;
    fr_str fold = passage_fold(r->p, first);
    common(c, EXTRACT_ARTICLE_FIRST, (words[first].kinds & WORD_ARTICLE) != 0);
    common(c, EXTRACT_STOP_FIRST, (words[first].kinds & (WORD_STOP | WORD_ARTICLE)) == WORD_STOP);
    common(c, EXTRACT_VERB_FIRST, is_verb_like(fold));
    common(c, EXTRACT_FIRST, first == c->s.first);
    if (first == c->s.first)
        return;
    size_t left = first - 1;
    fr_str before = passage_fold(r->p, left);
    bool cut = cuts_phrase(r, left, first);
    common(c, EXTRACT_CUT_LEFT, cut && !is_name_pair(r, left, first));
    common(c, EXTRACT_CUT_NAME_LEFT, cut && is_name_pair(r, left, first));
    common(c, EXTRACT_QUOTED, (words[first].gap & GAP_QUOTE) != 0);
    common(c, EXTRACT_BRACKETED, (words[first].gap & GAP_BRACKET) != 0);
    common(c, EXTRACT_AFTER_MARK, words[first].gap != 0);
    common(c, EXTRACT_MATCH_LEFT, r->matched[left] != SIZE_MAX);
    common(c, EXTRACT_FOCUS_LEFT, r->matched[left] != SIZE_MAX && r->matched[left] == r->q->focus);
    if (words[first].gap != 0)
        return;
    common(c, EXTRACT_AFTER_IS, in_words(before, "is was are were be been es era ist war son fue"));
    common(c, EXTRACT_AFTER_CALLED,
           in_words(before, "called named as like including genannt llamado"));
    common(c, EXTRACT_AFTER_OF, in_words(before, "of de von des del"));
    common(c, EXTRACT_AFTER_TO, in_words(before, "to for with zu mit para con a"));
    common(c, EXTRACT_AFTER_ARTICLE, (words[left].kinds & WORD_ARTICLE) != 0);
    common(c, EXTRACT_AFTER_AND, in_words(before, "and or but that which und oder y o"));
    by_kind(c, EXTRACT_AFTER_BY, in_words(before, "by por durch von"));
    by_kind(c, EXTRACT_AFTER_IN,
            in_words(before, "in at near from on since until en in bei aus desde"));
    by_kind(c, EXTRACT_AFTER_BECAUSE, in_words(before, "because since due for weil porque debido"));
}

static void look_right(scorer *c, size_t end)
{
    const reading *r = c->r;
    const passage_word *words = r->p->words;
    fr_str last = passage_fold(r->p, end - 1);
    common(c, EXTRACT_STOP_LAST, (words[end - 1].kinds & WORD_STOP) != 0);
    common(c, EXTRACT_VERB_LAST, is_verb_like(last));
    common(c, EXTRACT_BEFORE_MARK, end == c->s.end || words[end].gap != 0);
    bool inside = end < c->s.end, cut = inside && cuts_phrase(r, end - 1, end);
    bool match = inside && r->matched[end] != SIZE_MAX;
    common(c, EXTRACT_BEFORE_STOP, inside && (words[end].kinds & WORD_STOP));
    common(c, EXTRACT_CUT_RIGHT, cut && !is_name_pair(r, end - 1, end));
    common(c, EXTRACT_CUT_NAME_RIGHT, cut && is_name_pair(r, end - 1, end));
    common(c, EXTRACT_MATCH_RIGHT, match);
    common(c, EXTRACT_FOCUS_RIGHT, match && r->matched[end] == r->q->focus);
    bool unit = false;
    for (size_t i = end; i < c->s.end && i < end + 3 && r->q->focus != SIZE_MAX; i++)
        unit |= r->matched[i] == r->q->focus;
    by_kind(c, EXTRACT_UNIT_RIGHT, unit);
}

static void look_inside(scorer *c, size_t first, size_t end, const span_look *l)
{
    const reading *r = c->r;
    size_t content = l->words - l->stops;
    bool named = l->capitals >= content && l->numbers == 0;
    common(c, EXTRACT_SAID, r->q->total > 0.0 ? l->matched_weight / r->q->total : 0.0);
    common(c, EXTRACT_SAID_ANY, l->matched > 0);
    common(c, EXTRACT_LENGTH, (double)(l->words - 1));
    common(c, EXTRACT_LENGTH_4, l->words > 4 ? (double)(l->words - 4) : 0.0);
    common(c, EXTRACT_COMMA, l->comma);
    common(c, EXTRACT_STOP_INSIDE, (double)l->stops);
    common(c, EXTRACT_ADVERB,
           is_adverb_like(passage_fold(r->p, first)) ||
               is_adverb_like(passage_fold(r->p, end - 1)));
    common(c, EXTRACT_FOCUS_INSIDE, l->focus);
    by_kind(c, EXTRACT_NAMED, named && !(first == c->s.first && l->words == 1));
    by_kind(c, EXTRACT_NAMED_FIRST, named && first == c->s.first && l->words == 1);
    by_kind(c, EXTRACT_LOWER, l->capitals == 0 && l->numbers == 0);
    by_kind(c, EXTRACT_NUMBER, l->numbers > 0);
    by_kind(c, EXTRACT_NUMBER_ALONE, l->numbers > 0 && content == l->numbers);
    by_kind(c, EXTRACT_DATE, l->dates > 0);
    by_kind(c, EXTRACT_DATE_ALONE, l->dates > 0 && l->words == 1);
    by_kind(c, EXTRACT_ONE_WORD, l->words == 1);
    by_kind(c, EXTRACT_MONEY, l->money > 0);
}

/* How near the question's words stand to the span, by weight; and whether it stands before or after
 * them. */
static void look_around(scorer *c, size_t first, size_t end)
{
    const reading *r = c->r;
    double near = 0.0, around = 0.0;
    size_t before = 0, after = 0;
    for (size_t j = 0; j < r->q->p.n_words; j++) {
        double near_most = 0.0, around_most = 0.0;
        if (r->q->weight[j] <= 0.0)
            continue;
        for (size_t i = c->s.first; i < c->s.end; i++) {
            if (r->matched[i] != j || (i >= first && i < end))
                continue;
            double away = i < first ? (double)(first - i) : (double)(i - end + 1);
            near_most = fmax(near_most, r->match[i] / (1.0 + away / REACH_NEAR));
            around_most = fmax(around_most, r->match[i] / (1.0 + away / REACH_AROUND));
            before += i < first;
            after += i >= end;
        }
        near += near_most;
        around += around_most;
    }
    double total = r->q->total > 0.0 ? r->q->total : 1.0;
    common(c, EXTRACT_NEAR, near / total);
    common(c, EXTRACT_AROUND, around / total);
    common(c, EXTRACT_SUBJECT, r->q->subject && after > before);
    common(c, EXTRACT_OBJECT, r->q->object && before > after);
}

static void look_at_sentence(scorer *c, size_t at)
{
    const reading *r = c->r;
    common(c, EXTRACT_SENTENCE, r->sentence_share[at]);
    common(c, EXTRACT_SENTENCE_BEST, r->sentence_share[at] >= c->share_best);
    common(c, EXTRACT_SENTENCE_BEFORE, at > 0 ? r->sentence_share[at - 1] : 0.0);
    common(c, EXTRACT_SENTENCE_AFTER, at + 1 < r->p->n_sentences ? r->sentence_share[at + 1] : 0.0);
    common(c, EXTRACT_PASSAGE, r->passage_share);
    common(c, EXTRACT_RANK, (double)r->rank);
}

/* --- the search ---------------------------------------------------------------------------------
 */

static void search_sentence(const reading *r, size_t at, double share_best, extract_span_fn fn,
                            void *user)
{
    scorer base = { .r = r, .s = r->p->sentences[at], .share_best = share_best };
    const passage_word *words = r->p->words;
    look_at_sentence(&base, at);
    for (size_t first = base.s.first; first < base.s.end; first++) {
        span_look look = { 0 };
        scorer left = base;
        look_left(&left, first);
        for (size_t end = first + 1; end <= base.s.end && end - first <= SPAN_WORDS_MAX; end++) {
            look_add(&look, r, end - 1, end - 1 == first);
            if (look.broken)
                break;
            if (look.stops == look.words || look.matched == look.words)
                continue;
            scorer c = left;
            look_right(&c, end);
            look_inside(&c, first, end, &look);
            look_around(&c, first, end);
            fr_str span = { r->p->text.at + words[first].begin,
                            words[end - 1].end - words[first].begin };
            fn(user, span, &(extract_place){ r->q, r->p, c.s, first, end }, c.features);
        }
    }
}

void extract_spans(fr_str question_text, const fr_str *passages, size_t n, fr_idf_fn idf,
                   void *user, extract_span_fn fn, void *fn_user)
{
    question q;
    question_read(&q, question_text, idf, user);
    passage *read = FR_NEW_N(passage, n);
    reading *readings = FR_NEW_N(reading, n);
    double share_best = 0.0;
    for (size_t i = 0; i < n; i++) {
        passage_read(&read[i], passages[i]);
        reading_init(&readings[i], &q, &read[i], i);
        for (size_t s = 0; s < read[i].n_sentences; s++)
            share_best = fmax(share_best, readings[i].sentence_share[s]);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; s < read[i].n_sentences; s++)
            search_sentence(&readings[i], s, share_best, fn, fn_user);
        reading_fini(&readings[i]);
        passage_fini(&read[i]);
    }
    free(readings);
    free(read);
    question_fini(&q);
}

typedef struct {
    const fr_extractor *learned;
    float score;
    fr_str span;
} best_span;

static void keep_best(void *user, fr_str span, const extract_place *at,
                      const float features[EXTRACT_N])
{
    best_span *best = user;
    float score = extract_score(best->learned, at, features);
    if (best->span.n == 0 || score > best->score) {
        best->score = score;
        best->span = span;
    }
}

void fr_extract_answer(const fr_extractor *learned, fr_str question_text, const fr_str *passages,
                       size_t n, fr_idf_fn idf, void *user, fr_buf *out)
{
    best_span best = { .learned = learned };
    extract_spans(question_text, passages, n, idf, user, keep_best, &best);
    fr_buf_put_str(out, best.span);
}
