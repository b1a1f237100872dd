/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "fixture.h"
#include "infer/infer_priv.h"

enum { N = 12, DRAWS = 40000 };

/* Two equal pairs, so that ties at a cut are tried. */
static const float LOGITS[N] = { 1.0f,  2.5f, -0.5f, 2.5f,  0.0f, 1.0f,
                                 -3.0f, 0.7f, 0.0f,  -1.0f, 1.9f, -INFINITY };

/* The definition, straight: a full sort, then each cut over the whole list. */
static void brute_force(const fr_sampling *s, double p[N])
{
    int order[N];
    double w[N], sum = 0;
    for (int i = 0; i < N; i++) {
        w[i] = exp((double)LOGITS[i] / s->temperature);
        order[i] = i;
        sum += w[i];
    }
    for (int i = 0; i < N; i++) { /* by likelihood, of equals the lower id first */
        for (int j = i + 1; j < N; j++) {
            int a = order[i], b = order[j];
            if (w[b] > w[a] || (w[b] == w[a] && b < a)) {
                order[i] = b;
                order[j] = a;
            }
        }
    }
    int n = s->top_k > 0 && s->top_k < N ? s->top_k : N;
    if (s->top_p > 0 && s->top_p < 1) {
        double kept = 0, reached = 0;
        for (int i = 0; i < n; i++)
            kept += w[order[i]];
        for (int i = 0; i < n; i++) {
            reached += w[order[i]];
            if (reached >= s->top_p * kept) {
                n = i + 1;
                break;
            }
        }
    }
    while (n > 1 && w[order[n - 1]] < s->min_p * w[order[0]])
        n--;
    sum = 0;
    for (int i = 0; i < n; i++)
        sum += w[order[i]];
    for (int i = 0; i < N; i++)
        p[i] = 0;
    for (int i = 0; i < n; i++)
        p[order[i]] = w[order[i]] / sum;
}

/* Chi-square of the draws against the definition stays below the 1 in 100,000 quantile (that of 11
 * degrees of freedom is 43.8, of fewer it is lower), and nothing that was cut is ever drawn. */
static void draws_follow_the_definition(void **state)
{
    (void)state;
    static const fr_sampling WAYS[] = {
        { .temperature = 1 },
        { .temperature = 0.5 },
        { .temperature = 2.5 },
        { .temperature = 1, .top_k = 1 },
        { .temperature = 1, .top_k = 4 },
        { .temperature = 1, .top_k = 100 },
        { .temperature = 1, .top_p = 0.2 },
        { .temperature = 1, .top_p = 0.7 },
        { .temperature = 1.3, .top_p = 0.99 },
        { .temperature = 1, .min_p = 0.3 },
        { .temperature = 1, .min_p = 1 },
        { .temperature = 0.8, .top_k = 7, .top_p = 0.9 },
        { .temperature = 1.5, .top_k = 9, .top_p = 0.95, .min_p = 0.2 },
    };
    fr_choice room[N];
    for (size_t way = 0; way < FR_COUNT_OF(WAYS); way++) {
        double p[N], chi2 = 0;
        size_t counts[N] = { 0 };
        brute_force(&WAYS[way], p);
        for (size_t i = 0; i < DRAWS; i++) {
            double u = fr_random_f64(way, FR_RANDOM_SAMPLE, 1, i);
            int32_t id = fr_sample(&WAYS[way], LOGITS, N, u, room);
            assert_in_range(id, 0, N - 1);
            counts[id]++;
        }
        for (int i = 0; i < N; i++) {
            double expected = p[i] * DRAWS, off = (double)counts[i] - expected;
            if (p[i] == 0)
                assert_int_equal(counts[i], 0);
            else
                chi2 += off * off / expected;
        }
        if (chi2 > 43.8)
            fail_msg("way %zu: chi-square %.1f", way, chi2);
    }
}

/* Which tokens survive a cut does not depend on how they are found: many random rows, each against
 * the definition by a full sort. */
static void the_ends_of_the_unit_interval_give_the_ends_of_what_is_kept(void **state)
{
    (void)state;
    enum { V = 400 };
    float logits[V];
    fr_choice room[V];
    for (uint64_t row = 0; row < 300; row++) {
        for (uint64_t i = 0; i < V; i++) /* coarse, so that there are ties */
            logits[i] = (float)fr_random_below(40, row, FR_RANDOM_TEST, 0, i) / 8;
        size_t k = 1 + fr_random_below(V, row, FR_RANDOM_TEST, 1, 0);
        fr_sampling s = { .temperature = 1, .top_k = (int)k };
        bool kept[V];
        int first = -1, last = -1;
        for (int i = 0; i < V; i++) {
            size_t ahead = 0;
            for (int j = 0; j < V; j++)
                ahead += logits[j] > logits[i] || (logits[j] == logits[i] && j < i);
            kept[i] = ahead < k;
            if (kept[i]) {
                first = first < 0 ? i : first;
                last = i;
            }
        }
        assert_int_equal(fr_sample(&s, logits, V, 0, room), first);
        assert_int_equal(fr_sample(&s, logits, V, 1 - 0x1p-53, room), last);
        size_t n = 0;
        for (int i = 0; i < V; i++)
            n += kept[i];
        assert_int_equal(n, k);
        assert_true(kept[fr_sample(&s, logits, V, 0.5, room)]);
    }
}

static void greedy_takes_the_lowest_of_equals(void **state)
{
    (void)state;
    fr_choice room[N];
    assert_int_equal(fr_sample(&(fr_sampling){ 0 }, LOGITS, N, 0.9, room), 1);
    assert_int_equal(fr_sample(&(fr_sampling){ .temperature = 1e-9 }, LOGITS, N, 0.0, room), 1);
}

static void rows_that_are_no_numbers_give_no_token(void **state)
{
    (void)state;
    fr_choice room[3];
    const float nan_row[] = { NAN, NAN, NAN }, none[] = { -INFINITY, -INFINITY, NAN },
                one[] = { NAN, -5.0f, NAN };
    fr_sampling warm = { .temperature = 1, .top_p = 0.5 };
    assert_int_equal(fr_sample(&(fr_sampling){ 0 }, nan_row, 3, 0, room), -1);
    assert_int_equal(fr_sample(&warm, none, 3, 0, room), -1);
    assert_int_equal(fr_sample(&warm, one, 3, 0.99, room), 1);
    assert_true(isnan(fr_logprob(nan_row, 3, 0)));
}

/* What is drawn, as probabilities: the u at which each token begins and ends. */
static void probabilities_of(const fr_sampling *s, const float *logits, double p[N])
{
    enum { STEPS = 20000 };
    fr_choice room[N];
    memset(p, 0, N * sizeof(*p));
    for (int i = 0; i < STEPS; i++)
        p[fr_sample(s, logits, N, (i + 0.5) / STEPS, room)] += 1.0 / STEPS;
}

/* tests/fixtures/infer/make_sampling_golden.py: typical sampling and the repetition penalty. */
static void cuts_and_penalties_are_those_of_transformers(void **state)
{
    (void)state;
    static const int32_t BEFORE[] = { 0, 2, 0 };
    char *path = fixture_path("infer/sampling_golden.txt");
    FILE *golden = fopen(path, "r");
    assert_non_null(golden);
    size_t cases = 0;
    fr_sampling s = { 0 };
    while (fscanf(golden, "%lf %lf %lf", &s.temperature, &s.typical_p, &s.repetition_penalty) ==
           3) {
        float logits[N];
        double p[N], wanted;
        uint32_t counts[N] = { 0 };
        memcpy(logits, LOGITS, sizeof(logits));
        fr_logits_adjust(&s, BEFORE, 2, 3, logits, N, counts);
        probabilities_of(&s, logits, p);
        for (int i = 0; i < N; i++) {
            assert_int_equal(counts[i], 0);
            assert_int_equal(fscanf(golden, "%lf", &wanted), 1);
            if (fabs(p[i] - wanted) > 1.01 / 20000)
                fail_msg("case %zu, token %d: %.6f, not %.6f", cases, i, p[i], wanted);
        }
        cases++;
    }
    assert_int_equal(cases, 30);
    fclose(golden);
    free(path);
}

/* OpenAI's formula: mu - count * frequency - (count > 0) * presence, for the completion only. */
static void frequency_counts_presence_does_not_and_biases_add(void **state)
{
    (void)state;
    static const int32_t IDS[] = { 4, 4, 1, 2, 1 }; /* a prompt of two */
    static const fr_logit_bias BIAS[] = { { 3, 2.5 }, { 0, -INFINITY }, { 99, 1 }, { -1, 1 } };
    float logits[5] = { 1, 1, 1, 1, 1 };
    uint32_t counts[5] = { 0 };
    fr_sampling s = { .frequency_penalty = 0.5,
                      .presence_penalty = 0.25,
                      .bias = BIAS,
                      .n_bias = FR_COUNT_OF(BIAS) };
    assert_true(fr_sampling_adjusts(&s));
    assert_false(fr_sampling_adjusts(&(fr_sampling){ .repetition_penalty = 1 }));
    fr_logits_adjust(&s, IDS, 2, 5, logits, 5, counts);
    const float wanted[] = { -INFINITY, 1 - 2 * 0.5f - 0.25f, 1 - 0.5f - 0.25f, 3.5f, 1 };
    assert_memory_equal(logits, wanted, sizeof(wanted));
    /* only the last ones count for repetition */
    float again[5] = { 2, 2, -2, 2, 2 };
    s = (fr_sampling){ .repetition_penalty = 2, .repetition_last = 2 };
    fr_logits_adjust(&s, IDS, 2, 5, again, 5, counts);
    const float charged[] = { 2, 1, -4, 2, 2 };
    assert_memory_equal(again, charged, sizeof(charged));
}

static void log_probabilities_sum_to_one(void **state)
{
    (void)state;
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += exp(fr_logprob(LOGITS, N, i));
    assert_true(fabs(sum - 1) < 1e-12);
}

/* ---- stream ---------------------------------------------------------------------------------- */

/* The same text in all ways of cutting it ends at the same place, and at no time was more shown. */
static void stop_strings_do_not_depend_on_how_text_is_cut(void **state)
{
    (void)state;
    static const char *const STOPS[] = { "abac", "ca", "\xC3\xA9t" };
    for (uint64_t seed = 0; seed < 3000; seed++) {
        char text[24];
        size_t n = 0;
        while (n < sizeof(text) - 3) {
            uint64_t pick = fr_random_below(5, seed, FR_RANDOM_TEST, 0, n);
            if (pick < 4) {
                text[n++] = "abct"[pick];
            } else {
                text[n++] = '\xC3';
                text[n++] = '\xA9';
            }
        }
        /* by the definition: the shortest beginning that ends in a stop string */
        size_t end = n, best = n;
        for (size_t to = 1; to <= n && best == n; to++) {
            for (size_t s = 0; s < 3; s++) {
                size_t length = strlen(STOPS[s]);
                if (to >= length && memcmp(text + to - length, STOPS[s], length) == 0)
                    best = FR_MIN(best, to - length), end = best;
            }
        }
        fr_stream stream;
        fr_stream_init(&stream, STOPS, 3);
        FR_AUTO(fr_buf) shown = { 0 };
        bool stopped = false;
        for (size_t at = 0, i = 0; at < n && !stopped; i++) {
            size_t step = 1 + fr_random_below(5, seed, FR_RANDOM_TEST, 1, i);
            step = FR_MIN(step, n - at);
            stopped = fr_stream_put(&stream, (fr_str){ text + at, step });
            fr_buf_put_str(&shown, fr_stream_take(&stream, false));
            assert_true(shown.n <= end);
            at += step;
        }
        fr_buf_put_str(&shown, fr_stream_take(&stream, true));
        assert_int_equal(stopped, end < n);
        assert_int_equal(shown.n, end);
        assert_memory_equal(shown.at, text, end);
        fr_stream_fini(&stream);
    }
}

static void bytes_that_are_no_character_become_replacement_characters(void **state)
{
    (void)state;
    fr_stream s;
    fr_stream_init(&s, NULL, 0);
    fr_stream_put(&s, (fr_str){ "a\xFF\xE2\x82z\0\xF0\x9F\xA6", 9 });
    assert_string_equal(fr_buf_text(&s.text), "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD");
    fr_stream_put(&s, FR_STR("\x99"));
    assert_true(fr_str_ends(fr_buf_str(&s.text), FR_STR("\xF0\x9F\xA6\x99")));
    fr_stream_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_follow_the_definition),
        cmocka_unit_test(the_ends_of_the_unit_interval_give_the_ends_of_what_is_kept),
        cmocka_unit_test(greedy_takes_the_lowest_of_equals),
        cmocka_unit_test(rows_that_are_no_numbers_give_no_token),
        cmocka_unit_test(cuts_and_penalties_are_those_of_transformers),
        cmocka_unit_test(frequency_counts_presence_does_not_and_biases_add),
        cmocka_unit_test(log_probabilities_sum_to_one),
        cmocka_unit_test(stop_strings_do_not_depend_on_how_text_is_cut),
        cmocka_unit_test(bytes_that_are_no_character_become_replacement_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
