/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/random.h"
#include "classic/classic_priv.h"
#include "fixture.h"

static const char *const TOPICS[3][6] = {
    { "parcel", "courier", "delivery", "address", "late", "tracking" },
    { "refund", "charged", "invoice", "twice", "card", "payment" },
    { "broken", "noise", "screen", "battery", "repair", "manual" },
};
static const char *const LABELS[3] = { "delivery", "billing", "technical" };

typedef struct {
    fr_labelled rows[400];
    size_t n;
} sample;

/* Messages of three words of a topic and two of any topic. */
static sample *sample_made(uint64_t seed, size_t n)
{
    sample *s = FR_NEW(sample);
    for (s->n = 0; s->n < n; s->n++) {
        fr_buf text = { 0 };
        size_t label = fr_random_below(3, seed, FR_RANDOM_TEST, 0, s->n);
        for (size_t w = 0; w < 5; w++) {
            size_t topic = w < 3 ? label : fr_random_below(3, seed, FR_RANDOM_TEST, w, s->n);
            size_t word = fr_random_below(6, seed, FR_RANDOM_TEST, 10 + w, s->n);
            fr_buf_put_f(&text, "%s%s", w > 0 ? " " : "", TOPICS[topic][word]);
        }
        s->rows[s->n] = (fr_labelled){ fr_str_of(fr_buf_take(&text)), fr_str_of(LABELS[label]) };
    }
    return s;
}

static void sample_free(sample *s)
{
    for (size_t i = 0; i < s->n; i++)
        free((char *)s->rows[i].text.at);
    free(s);
}

static double accuracy_of(const fr_classifier *c, const sample *s)
{
    size_t right = 0;
    for (size_t i = 0; i < s->n; i++)
        right += fr_str_is(s->rows[i].label,
                           fr_classifier_label(c, fr_classifier_predict(c, s->rows[i].text, NULL)));
    return (double)right / (double)s->n;
}

static char *temporary_path(const char *name)
{
    const char *dir = getenv("TMPDIR");
    return fr_dup_f("%s/frugal-%d-%s", dir != NULL ? dir : "/tmp", (int)getpid(), name);
}

static void a_classifier_learns_topics_and_says_how_sure_it_is(void **state)
{
    (void)state;
    sample *train = sample_made(1, 300), *dev = sample_made(2, 60), *test = sample_made(3, 200);
    FR_AUTOPTR(fr_classifier) c = NULL;
    fr_classifier_options o = { .dev = dev->rows, .n_dev = dev->n };
    assert_int_equal(fr_classifier_train(train->rows, train->n, &o, &c, NULL), 0);
    assert_true(accuracy_of(c, test) > 0.9);
    double p[3], sum = 0.0;
    size_t best = fr_classifier_predict(c, FR_STR("my parcel and the courier are late"), p);
    assert_string_equal(fr_classifier_label(c, best), "delivery");
    for (size_t k = 0; k < 3; k++)
        sum += p[k];
    assert_true(fabs(sum - 1.0) < 1e-12 && p[best] > 0.6);
    sample_free(train);
    sample_free(dev);
    sample_free(test);
}

static void the_same_rows_give_the_same_bits_and_a_saved_one_is_the_same(void **state)
{
    (void)state;
    sample *train = sample_made(1, 200);
    FR_AUTOPTR(fr_classifier) a = NULL;
    FR_AUTOPTR(fr_classifier) b = NULL;
    FR_AUTOPTR(fr_classifier) loaded = NULL;
    char *path = temporary_path("classifier.bin"), *again = temporary_path("again.bin");
    assert_int_equal(fr_classifier_train(train->rows, train->n, NULL, &a, NULL), 0);
    assert_int_equal(fr_classifier_train(train->rows, train->n, NULL, &b, NULL), 0);
    assert_int_equal(fr_classifier_save(a, path, NULL), 0);
    assert_int_equal(fr_classifier_save(b, again, NULL), 0);
    FR_AUTO(fr_buf) first = { 0 };
    FR_AUTO(fr_buf) second = { 0 };
    fr_file_read(path, 1 << 26, &first, NULL);
    fr_file_read(again, 1 << 26, &second, NULL);
    assert_int_equal(first.n, second.n);
    assert_memory_equal(first.at, second.at, first.n);
    assert_int_equal(fr_classifier_load(path, &loaded, NULL), 0);
    for (size_t i = 0; i < train->n; i++) {
        double p[3], q[3];
        assert_int_equal(fr_classifier_predict(a, train->rows[i].text, p),
                         fr_classifier_predict(loaded, train->rows[i].text, q));
        assert_memory_equal(p, q, sizeof(p));
    }
    unlink(path);
    unlink(again);
    free(path);
    free(again);
    sample_free(train);
}

static void no_rows_and_one_label_are_refused_by_name(void **state)
{
    (void)state;
    fr_classifier *c = NULL;
    fr_err err = { 0 };
    fr_labelled rows[2] = { { FR_STR("x"), FR_STR("only") }, { FR_STR("y"), FR_STR(" only ") } };
    assert_int_equal(fr_classifier_train(rows, 0, NULL, &c, &err), FR_E_USAGE);
    assert_int_equal(fr_classifier_train(rows, 2, NULL, &c, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "only"));
    assert_null(c);
}

static void texts_without_a_known_word_are_answered_all_the_same(void **state)
{
    (void)state;
    fr_labelled rows[4] = { { FR_STR("aa"), FR_STR("x") },
                            { FR_STR(""), FR_STR("x") },
                            { FR_STR("bb"), FR_STR("y") },
                            { { "\xff\x00\xc3", 3 }, FR_STR("x") } };
    FR_AUTOPTR(fr_classifier) c = NULL;
    assert_int_equal(fr_classifier_train(rows, 4, NULL, &c, NULL), 0);
    double p[2];
    assert_int_equal(fr_classifier_predict(c, FR_STR("zz"), p), 0); /* the commoner label */
    assert_true(p[0] > 0.5);
    assert_string_equal(fr_classifier_label(c, fr_classifier_predict(c, FR_STR("bb"), p)), "y");
}

static void collect(void *user, fr_str gram)
{
    fr_buf_put_str(user, gram);
    fr_buf_put_c(user, '|');
}

/* As scikit-learn's analyzers "word" and "char_wb" have it. */
static void a_text_becomes_words_and_runs_of_characters_inside_words(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) out = { 0 };
    grams_each((gram_shape){ 2, 3, 4 }, FR_STR("Ab  c!"), collect, &out);
    assert_string_equal(fr_buf_text(&out), "wab|wc|wab c|c ab|cab |c ab |c c!|cc! |c c! |");
    fr_buf_clear(&out);
    grams_each((gram_shape){ 2, 3, 0 }, FR_STR("東京Tower"), collect, &out);
    assert_string_equal(fr_buf_text(&out), "w東|w京|w東 京|wtower|w京 tower|");
}

/* The optimum is where the gradient of the primal is zero: checked against finite sums. */
static void training_ends_at_the_optimum(void **state)
{
    (void)state;
    sample *train = sample_made(5, 120);
    FR_AUTOPTR(fr_classifier) c = NULL;
    double l2 = 1.0 / 120.0;
    assert_int_equal(
        fr_classifier_train(train->rows, train->n, &(fr_classifier_options){ .l2 = l2 }, &c, NULL),
        0);
    double *gradient = FR_NEW_N(double, c->features.n * c->stride), most = 0.0;
    for (size_t i = 0; i < train->n; i++) {
        feature_row row = { 0 };
        double p[3];
        classifier_row(c, train->rows[i].text, &row);
        fr_classifier_predict(c, train->rows[i].text, p);
        for (size_t f = 0; f < row.n; f++) {
            for (size_t k = 0; k < 3; k++) {
                double wrong = p[k] - fr_str_is(train->rows[i].label, c->labels[k]);
                gradient[row.at[f].feature * c->stride + k] += wrong * row.at[f].value / 120.0;
            }
        }
        free(row.at);
    }
    for (size_t f = 0; f < c->features.n; f++) {
        for (size_t k = 0; k < 3; k++) {
            double g = gradient[f * c->stride + k] + l2 * c->weights[f * c->stride + k];
            most = fmax(most, fabs(g));
        }
    }
    assert_true(most < 1e-3);
    free(gradient);
    sample_free(train);
}

static void every_instruction_set_gives_the_same_bits(void **state)
{
    (void)state;
    const label_math *here = label_math_here(), *portable = &LABEL_MATH_PORTABLE;
    enum { LABELS_HERE = 77, STRIDE = 80, FEATURES = 9 };
    float w[FEATURES * STRIDE], v[FEATURES * STRIDE], bias[STRIDE], za[STRIDE], zb[STRIDE],
        p[STRIDE], q[STRIDE], work[2 * STRIDE];
    feature_value at[] = { { 0, 0.5f }, { 3, -1.25f }, { 8, 0.33f } };
    feature_row row = { at, 3, 3 };
    for (size_t i = 0; i < FEATURES * STRIDE; i++)
        w[i] = v[i] = (float)fr_random_normal(1, FR_RANDOM_TEST, 0, i) * 4.0f;
    for (size_t k = 0; k < STRIDE; k++)
        bias[k] = (float)fr_random_normal(1, FR_RANDOM_TEST, 1, k);
    for (float c = 0.01f; c < 1000.0f; c *= 10.0f) {
        here->scores(za, bias, w, STRIDE, &row);
        portable->scores(zb, bias, v, STRIDE, &row);
        assert_memory_equal(za, zb, sizeof(za));
        memset(p, 0, sizeof(p));
        memset(q, 0, sizeof(q));
        p[5] = q[5] = 1.0f;
        here->best(p, za, c, LABELS_HERE, STRIDE, work);
        portable->best(q, zb, c, LABELS_HERE, STRIDE, work);
        assert_memory_equal(p, q, sizeof(p));
        here->add(w, STRIDE, &row, p);
        portable->add(v, STRIDE, &row, q);
        assert_memory_equal(w, v, sizeof(w));
    }
}

/* Each row's step must land on ln p + c p = z + c p_old - nu with sum p = 1. */
static void a_rows_step_solves_its_equation(void **state)
{
    (void)state;
    enum { N = 13, STRIDE = 16 };
    for (uint64_t t = 0; t < 200; t++) {
        float z[STRIDE] = { 0 }, p[STRIDE] = { 0 }, old[STRIDE] = { 0 }, work[2 * STRIDE];
        float c = powf(10.0f, (float)fr_random_f64(t, FR_RANDOM_TEST, 2, 0) * 5.0f - 2.0f);
        for (size_t k = 0; k < N; k++)
            z[k] = (float)fr_random_normal(t, FR_RANDOM_TEST, 3, k) * 3.0f;
        p[t % N] = old[t % N] = 1.0f;
        label_math_here()->best(p, z, c, N, STRIDE, work);
        double sum = 0.0, low = INFINITY, high = -INFINITY;
        for (size_t k = 0; k < N; k++) {
            sum += p[k];
            double nu = z[k] + c * old[k] - c * p[k] - log(p[k]);
            if (p[k] < 1e-6f)
                continue;
            low = fmin(low, nu);
            high = fmax(high, nu);
        }
        assert_true(fabs(sum - 1.0) < 1e-5);
        if (high - low > 0.05 + 0.01 * c)
            fail_msg("c %g: the equation is off by %g", c, high - low);
        for (size_t k = N; k < STRIDE; k++)
            assert_true(p[k] == 0.0f);
    }
}

/* What scikit-learn reaches with TfidfVectorizer (words 1-2, char_wb 3-5, sublinear) and
 * LogisticRegression(C=16): see docs/performance.md. We must be within one point. */
static void banking77_is_within_a_point_of_scikit_learn(void **state)
{
    (void)state;
    char *train_path = shared_path("data/corpora/classify/banking77_train.csv");
    char *test_path = shared_path("data/corpora/classify/banking77_test_half_a.csv");
    if (train_path == NULL || test_path == NULL) {
        print_message("skipped: banking77 is not beside the source (FRUGAL_SHARED)\n");
        skip();
    }
    FR_AUTO(fr_buf) train = { 0 };
    FR_AUTO(fr_buf) test = { 0 };
    fr_file_read(train_path, 1 << 24, &train, NULL);
    fr_file_read(test_path, 1 << 24, &test, NULL);
    free(train_path);
    free(test_path);
    fr_labelled *rows = FR_NEW_N(fr_labelled, 12000);
    size_t n[2] = { 0 }, fields_n;
    for (size_t file = 0; file < 2; file++) {
        FR_AUTO(fr_csv) csv = { 0 };
        fr_csv_init(&csv, fr_buf_str(file == 0 ? &train : &test), "banking77");
        const fr_str *fields;
        for (size_t line = 0; fr_csv_next(&csv, &fields, &fields_n, NULL) == 0 && fields_n > 0;
             line++) {
            if (line > 0)
                rows[n[0] + n[1]] = (fr_labelled){ fr_str_of(fr_str_dup(fields[0])),
                                                   fr_str_of(fr_str_dup(fields[1])) };
            n[file] += line > 0;
        }
    }
    FR_AUTOPTR(fr_classifier) c = NULL;
    fr_classifier_options o = { .l2 = 1.0 / (16.0 * (double)n[0]), .seed = 1 };
    assert_int_equal(fr_classifier_train(rows, n[0], &o, &c, NULL), 0);
    size_t right = 0;
    for (size_t i = n[0]; i < n[0] + n[1]; i++)
        right += fr_str_is(rows[i].label,
                           fr_classifier_label(c, fr_classifier_predict(c, rows[i].text, NULL)));
    assert_true((double)right / (double)n[1] >= 0.90);
    for (size_t i = 0; i < n[0] + n[1]; i++) {
        free((char *)rows[i].text.at);
        free((char *)rows[i].label.at);
    }
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_classifier_learns_topics_and_says_how_sure_it_is),
        cmocka_unit_test(the_same_rows_give_the_same_bits_and_a_saved_one_is_the_same),
        cmocka_unit_test(no_rows_and_one_label_are_refused_by_name),
        cmocka_unit_test(texts_without_a_known_word_are_answered_all_the_same),
        cmocka_unit_test(a_text_becomes_words_and_runs_of_characters_inside_words),
        cmocka_unit_test(training_ends_at_the_optimum),
        cmocka_unit_test(every_instruction_set_gives_the_same_bits),
        cmocka_unit_test(a_rows_step_solves_its_equation),
        cmocka_unit_test(banking77_is_within_a_point_of_scikit_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
