/* bench/extraction.c: how good answer extraction is with the right paragraph in hand.
 *
 *     extraction SQUAD.json [PART [SPANS]]   PART 0 or 1: every second paragraph only; else all
 *                                            SPANS: every span with its features, for
 *                                            bench/fit_extraction.py: float32 rows of question
 *                                            number, F1, features
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "classic/classic.h"
#include "quality/quality.h"
#include "text/utf8.h"

#include "classic/extract_priv.h"

typedef struct {
    fr_str context, question;
    const json_t *answers;
} item;
static item items[100000];
static size_t n_items;

/* How many paragraphs hold a word, over all paragraphs. */
typedef struct {
    fr_buf *folded;
    size_t n;
} paragraphs;

static double idf(void *user, fr_str term)
{
    const paragraphs *all = user;
    size_t holding = 0, at;
    for (size_t i = 0; i < all->n; i++)
        holding += fr_str_find(fr_buf_str(&all->folded[i]), term, &at);
    return log(1.0 + ((double)all->n - (double)holding + 0.5) / ((double)holding + 0.5));
}

/* idf of a question's words, remembered */
typedef struct {
    fr_str term;
    double idf;
} memo_row;
static memo_row memo[1 << 16];
static double idf_memo(void *user, fr_str term)
{
    unsigned h = 5381;
    for (size_t i = 0; i < term.n; i++)
        h = h * 33 + (unsigned char)term.at[i];
    for (h &= 65535;; h = (h + 1) & 65535) {
        if (memo[h].term.at == NULL) {
            memo[h].term = (fr_str){ fr_str_dup(term), term.n };
            memo[h].idf = idf(user, term);
        }
        if (fr_str_equal(memo[h].term, term))
            return memo[h].idf;
    }
}

static double best_score(const fr_metric *m, const json_t *answers, fr_str span)
{
    double best = 0.0;
    for (size_t a = 0; a < json_array_size(answers); a++)
        best = fmax(best, m->score(span, fr_str_of(json_string_value(json_object_get(
                                             json_array_get(answers, a), "text")))));
    return best;
}

typedef struct {
    FILE *to;
    float number;
    const json_t *answers;
} dump;

static void dump_span(void *user, fr_str span, const extract_place *at,
                      const float features[EXTRACT_N])
{
    (void)at;
    dump *d = user;
    float head[2] = { d->number, (float)best_score(fr_metric_find("token-f1"), d->answers, span) };
    fwrite(head, sizeof(float), 2, d->to);
    fwrite(features, sizeof(float), EXTRACT_N, d->to);
}

static double evaluate(paragraphs *all, double *em)
{
    const fr_metric *f1 = fr_metric_find("token-f1"), *exact = fr_metric_find("exact-match");
    double f1_sum = 0.0;
    *em = 0.0;
    for (size_t i = 0; i < n_items; i++) {
        FR_AUTO(fr_buf) out = { 0 };
        fr_extract_answer(NULL, items[i].question, &items[i].context, 1, idf_memo, all, &out);
        double best_f1 = best_score(f1, items[i].answers, fr_buf_str(&out));
        double best_em = best_score(exact, items[i].answers, fr_buf_str(&out));
        f1_sum += best_f1;
        *em += best_em;
        if (getenv("SHOW") != NULL)
            printf("%.2f | %.*s | %s | %s\n", best_f1, FR_STR_F(items[i].question),
                   fr_buf_text(&out),
                   json_string_value(json_object_get(json_array_get(items[i].answers, 0), "text")));
    }
    *em /= (double)n_items;
    return f1_sum / (double)n_items;
}

int main(int argc, char **argv)
{
    json_t *file = argc > 1 ? json_load_file(argv[1], 0, NULL) : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: extraction SQUAD.json [PART]\n");
        return 2;
    }
    int part = argc > 2 ? atoi(argv[2]) : 2;
    paragraphs all = { 0 };
    size_t a, i, j, cap = 0;
    json_t *article, *paragraph, *qa;
    json_array_foreach(json_object_get(file, "data"), a, article)
    {
        json_array_foreach(json_object_get(article, "paragraphs"), i, paragraph)
        {
            fr_str context = fr_str_of(json_string_value(json_object_get(paragraph, "context")));
            FR_GROW(all.folded, all.n, cap);
            all.folded[all.n] = (fr_buf){ 0 };
            fr_utf8_fold(context, &all.folded[all.n++]);
            if (part < 2 && (int)(all.n % 2) != part)
                continue;
            json_array_foreach(json_object_get(paragraph, "qas"), j, qa)
            {
                items[n_items++] =
                    (item){ context, fr_str_of(json_string_value(json_object_get(qa, "question"))),
                            json_object_get(qa, "answers") };
            }
        }
    }
    if (argc > 3) {
        FILE *to = fopen(argv[3], "wb");
        for (i = 0; to != NULL && i < n_items; i++) {
            dump d = { to, (float)i, items[i].answers };
            extract_spans(items[i].question, &items[i].context, 1, idf_memo, &all, dump_span, &d);
        }
        return to != NULL && fclose(to) == 0 ? 0 : 1;
    }
    double em, begin_s = fr_cpu_self_s();
    double f1 = evaluate(&all, &em);
    printf("{\"questions\": %zu, \"token_f1\": %.4f, \"exact_match\": %.4f, \"cpu_s\": %.2f}\n",
           n_items, f1, em, fr_cpu_self_s() - begin_s);
    return 0;
}
