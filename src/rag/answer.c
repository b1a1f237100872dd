/* Support, prompt, citations, break-even. */
#include "rag/answer.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "rag/rag_priv.h"

#define WORDS_MOST 128

typedef struct {
    uint64_t hash;
    double weight;
    bool there;
} asked_word;
typedef struct {
    asked_word at[WORDS_MOST];
    size_t n;
    double total;
} asked;

static void ask_for(fr_index *index, fr_str question, asked *out)
{
    word_scan scan = { .text = question };
    FR_AUTO(word_terms) terms = { 0 };
    fr_str word;
    run_kind kind;
    while (word_next(&scan, &word, &kind) && out->n < WORDS_MOST) {
        analyzer_word(index->analyzer, word, kind, &terms);
        if (terms.n == 0 || terms.at[0].quiet)
            continue;
        uint64_t hash = fr_hash64(terms.text.at, terms.at[0].n, 0);
        bool again = false;
        for (size_t i = 0; i < out->n; i++)
            again |= out->at[i].hash == hash;
        if (again)
            continue;
        double weight = fr_index_idf(index, word);
        out->at[out->n++] = (asked_word){ hash, weight, false };
        out->total += weight;
    }
}

static void mark(fr_index *index, fr_str text, asked *a)
{
    word_scan scan = { .text = text };
    FR_AUTO(word_terms) terms = { 0 };
    fr_str word;
    run_kind kind;
    while (word_next(&scan, &word, &kind)) {
        analyzer_word(index->analyzer, word, kind, &terms);
        if (terms.n == 0)
            continue;
        uint64_t hash = fr_hash64(terms.text.at, terms.at[0].n, 0);
        for (size_t i = 0; i < a->n; i++)
            a->at[i].there |= a->at[i].hash == hash;
    }
}

double fr_index_support(fr_index *index, fr_str question, const fr_hits *hits)
{
    asked a = { 0 };
    double best = 0;
    ask_for(index, question, &a);
    if (a.n == 0)
        return 1.0;
    for (size_t h = 0; h < hits->n; h++) {
        double sum = 0;
        for (size_t i = 0; i < a.n; i++)
            a.at[i].there = false;
        mark(index, fr_str_of(hits->at[h].title), &a);
        mark(index, fr_str_of(hits->at[h].text), &a);
        for (size_t i = 0; i < a.n; i++)
            sum += a.at[i].there ? a.at[i].weight : 0;
        best = fmax(best, sum / a.total);
    }
    return best;
}

void fr_ask_prompt(fr_str question, const fr_hits *hits, size_t n, fr_buf *out)
{
    fr_buf_put_s(
        out, "Answer the question from the passages alone, shortly, and name the passage "
             "you used in brackets, as [1]. If they do not say it, answer \"" FR_NOT_IN_DOCUMENTS
             "\".\n\n");
    for (size_t i = 0; i < FR_MIN(n, hits->n); i++) {
        const fr_hit *h = &hits->at[i];
        fr_buf_put_f(out, "[%zu] %s%s%s\n\n", i + 1, h->title, h->title[0] != '\0' ? ": " : "",
                     h->text);
    }
    fr_buf_put_f(out, "Question: %.*s\nAnswer:", FR_STR_F(question));
}

void fr_citations_of(fr_str answer, size_t n_passages, size_t *cited, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i + 2 < answer.n; i++) {
        size_t end = i + 1, number = 0;
        if (answer.at[i] != '[')
            continue;
        while (end < answer.n && end - i < 7 && isdigit((unsigned char)answer.at[end]))
            number = number * 10 + (size_t)(answer.at[end++] - '0');
        bool again = end == i + 1 || end >= answer.n || answer.at[end] != ']' || number == 0 ||
                     number > n_passages;
        for (size_t c = 0; c < *n && !again; c++)
            again = cited[c] == number;
        if (!again)
            cited[(*n)++] = number;
    }
}

size_t fr_passage_with(const fr_hits *hits, fr_str piece)
{
    size_t at;
    for (size_t i = 0; i < hits->n && piece.n > 0; i++) {
        if (fr_str_find(fr_str_of(hits->at[i].text), piece, &at))
            return i;
    }
    return hits->n;
}

double fr_rag_break_even(double index_j, double rag_request_j, double tune_build_j,
                         double tuned_request_j)
{
    double more = rag_request_j - tuned_request_j, build = tune_build_j - index_j;
    if (build <= 0 && more >= 0)
        return 0;
    return more > 0 ? ceil(build / more) : INFINITY;
}
