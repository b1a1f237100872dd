/* bench/extraction.c: how good answer extraction is with the right paragraph in hand.
 *
 *     extraction SQUAD.json [PART]      PART 0 or 1: every second paragraph only; else all
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

#ifdef TUNE
#include "base/random.h"
#include "classic/extract_priv.h"
#endif

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

static double evaluate(paragraphs *all, double *em)
{
    const fr_metric *f1 = fr_metric_find("token-f1"), *exact = fr_metric_find("exact-match");
    double f1_sum = 0.0;
    *em = 0.0;
    for (size_t i = 0; i < n_items; i++) {
        FR_AUTO(fr_buf) out = { 0 };
        fr_extract_answer(items[i].question, &items[i].context, 1, idf_memo, all, &out);
        double best_f1 = 0.0, best_em = 0.0;
        for (size_t a = 0; a < json_array_size(items[i].answers); a++) {
            fr_str gold = fr_str_of(
                json_string_value(json_object_get(json_array_get(items[i].answers, a), "text")));
            best_f1 = fmax(best_f1, f1->score(fr_buf_str(&out), gold));
            best_em = fmax(best_em, exact->score(fr_buf_str(&out), gold));
        }
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
    double em, begin_s = fr_cpu_self_s();
    double f1 = evaluate(&all, &em);
    printf("{\"questions\": %zu, \"token_f1\": %.4f, \"exact_match\": %.4f, \"cpu_s\": %.2f}\n",
           n_items, f1, em, fr_cpu_self_s() - begin_s);
#ifdef TUNE
    double *w = (double *)&EXTRACT_WEIGHTS;
    size_t n = sizeof(EXTRACT_WEIGHTS) / sizeof(double);
    static const char *const NAMES[] = {
#define NAME(name, value) #name,
        EXTRACT_FEATURES(NAME)
    };
    for (int round = 0; round < atoi(getenv("ROUNDS")); round++) {
        for (size_t k = 0; k < n; k++) {
            static const double STEPS[] = { -0.6, -0.25, -0.1, 0.1, 0.25, 0.6 };
            double old = w[k], best = old;
            for (size_t s = 0; s < 6; s++) {
                w[k] = old + STEPS[s] * fmax(0.3, fabs(old));
                if (strcmp(NAMES[k], "reach") == 0 && w[k] < 0.5)
                    continue;
                double got = evaluate(&all, &em);
                if (got > f1 + 0.0005) {
                    f1 = got;
                    best = w[k];
                }
            }
            w[k] = best;
        }
        fprintf(stderr, "round %d: %.4f\n", round, f1);
    }
    for (size_t k = 0; k < n; k++)
        printf("    X(%s, %.3g) \\\n", NAMES[k], w[k]);
#endif
    return 0;
}
