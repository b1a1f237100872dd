/* One row a metric; a score is a function of prediction and reference alone. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "quality/quality_priv.h"
#include "text/utf8.h"

/* Lower case with white space collapsed: how labels are compared. */
static void label_form(fr_str text, fr_buf *out)
{
    size_t first = out->n, step = 0;
    for (size_t i = 0; i < text.n; i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
        char bytes[4];
        if (!quality_is_space(c))
            fr_buf_put(out, bytes,
                       fr_utf8_put((uint32_t)utf8proc_tolower((utf8proc_int32_t)c), bytes));
        else if (out->n > first && out->at[out->n - 1] != ' ')
            fr_buf_put_c(out, ' ');
    }
    if (out->n > first && out->at[out->n - 1] == ' ')
        out->at[--out->n] = '\0';
}

static double accuracy(fr_str prediction, fr_str reference)
{
    FR_AUTO(fr_buf) a = { 0 };
    FR_AUTO(fr_buf) b = { 0 };
    label_form(prediction, &a);
    label_form(reference, &b);
    return fr_str_equal(fr_buf_str(&a), fr_buf_str(&b)) ? 1.0 : 0.0;
}

static double exact_match(fr_str prediction, fr_str reference)
{
    FR_AUTO(fr_buf) a = { 0 };
    FR_AUTO(fr_buf) b = { 0 };
    fr_answer_normalize(prediction, &a);
    fr_answer_normalize(reference, &b);
    return fr_str_equal(fr_buf_str(&a), fr_buf_str(&b)) ? 1.0 : 0.0;
}

/* Words are slices of one text; owned: free(at). */
typedef struct {
    fr_str *at;
    size_t n, cap;
} words;

static words words_of(fr_str text)
{
    words w = { 0 };
    fr_str piece;
    while (fr_str_next(&text, ' ', &piece)) {
        if (piece.n == 0)
            continue;
        FR_GROW(w.at, w.n, w.cap);
        w.at[w.n++] = piece;
    }
    return w;
}

static int word_order(const void *left, const void *right)
{
    const fr_str *a = left, *b = right;
    int order = memcmp(a->at, b->at, a->n < b->n ? a->n : b->n);
    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

/* Size of the multiset intersection; sorts both. */
static size_t n_common(words a, words b)
{
    if (a.n > 1)
        fr_sort(a.at, a.n, sizeof(*a.at), word_order);
    if (b.n > 1)
        fr_sort(b.at, b.n, sizeof(*b.at), word_order);
    size_t i = 0, j = 0, same = 0;
    while (i < a.n && j < b.n) {
        int order = word_order(&a.at[i], &b.at[j]);
        same += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    return same;
}

static double f_measure(size_t same, size_t n_prediction, size_t n_reference)
{
    if (same == 0)
        return 0.0;
    double precision = (double)same / (double)n_prediction;
    double recall = (double)same / (double)n_reference;
    return 2.0 * precision * recall / (precision + recall);
}

static double token_f1(fr_str prediction, fr_str reference)
{
    FR_AUTO(fr_buf) a = { 0 };
    FR_AUTO(fr_buf) b = { 0 };
    fr_answer_normalize(prediction, &a);
    fr_answer_normalize(reference, &b);
    words wa = words_of(fr_buf_str(&a)), wb = words_of(fr_buf_str(&b));
    /* No words on a side: the same or not, as SQuAD 2.0's script has it. */
    double score =
        wa.n == 0 || wb.n == 0 ? (double)(wa.n == wb.n) : f_measure(n_common(wa, wb), wa.n, wb.n);
    free(wa.at);
    free(wb.at);
    return score;
}

/* Longest common subsequence in two rows of memory. */
static size_t n_subsequence(words a, words b)
{
    uint32_t *row = FR_NEW_N(uint32_t, b.n + 1);
    for (size_t i = 0; i < a.n; i++) {
        uint32_t diagonal = 0;
        for (size_t j = 0; j < b.n; j++) {
            uint32_t above = row[j + 1];
            if (fr_str_equal(a.at[i], b.at[j]))
                row[j + 1] = diagonal + 1;
            else if (row[j] > above)
                row[j + 1] = row[j];
            diagonal = above;
        }
    }
    size_t longest = row[b.n];
    free(row);
    return longest;
}

static double rouge_l(fr_str prediction, fr_str reference)
{
    FR_AUTO(fr_buf) a = { 0 };
    FR_AUTO(fr_buf) b = { 0 };
    quality_words(prediction, &a);
    quality_words(reference, &b);
    words wa = words_of(fr_buf_str(&a)), wb = words_of(fr_buf_str(&b));
    double score = f_measure(n_subsequence(wa, wb), wa.n, wb.n);
    free(wa.at);
    free(wb.at);
    return score;
}

static const fr_metric METRICS[] = {
    { "accuracy", FR_BETTER_HIGHER, accuracy, "share of rows whose label is right" },
    { "exact-match", FR_BETTER_HIGHER, exact_match, "Rajpurkar et al. 2016, arXiv:1606.05250" },
    { "token-f1", FR_BETTER_HIGHER, token_f1,
      "Rajpurkar et al. 2016, arXiv:1606.05250; Lewis et al. 2020, arXiv:1910.07475" },
    { "rouge-l", FR_BETTER_HIGHER, rouge_l, "Lin 2004, aclanthology.org/W04-1013" },
    { "perplexity", FR_BETTER_LOWER, NULL, "exp of the mean negative log-likelihood of a token" },
};

const fr_metric *fr_metric_at(size_t i)
{
    return i < FR_COUNT_OF(METRICS) ? &METRICS[i] : NULL;
}

const fr_metric *fr_metric_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < FR_COUNT_OF(METRICS); i++) {
        if (strcmp(METRICS[i].name, name) == 0)
            return &METRICS[i];
    }
    return NULL;
}
