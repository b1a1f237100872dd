/* What texts become does not depend on what else is asked for; what does not fit is said. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "infer/embedder.h"

#define GOLDEN(name) FR_SOURCE_DIR "/tests/fixtures/models/golden/" name ".gguf"

enum { DIM = 32, N = 100, LABELS = 3 };

static fr_embedder *opened(const char *path, fr_embedder_options o)
{
    fr_embedder *e = NULL;
    fr_err err = { 0 };
    if (fr_embedder_open(path, &o, &e, &err) != 0)
        fail_msg("%s (%s)", err.what, err.hint);
    return e;
}

/* Texts of 0 to 30 letters. */
static void make_texts(char room[N][64], fr_str texts[N])
{
    for (size_t i = 0; i < N; i++) {
        size_t n = i * 7 % 31;
        for (size_t k = 0; k < n; k++)
            room[i][k] = k % 5 == 3 ? ' ' : (char)('a' + (i * 3 + k * k) % 26);
        texts[i] = (fr_str){ room[i], n };
    }
}

static void a_text_is_embedded_the_same_in_any_company(void **state)
{
    (void)state;
    static const char *const PATHS[] = { GOLDEN("bert"), GOLDEN("nomic-bert") };
    char room[N][64];
    fr_str texts[N];
    make_texts(room, texts);
    for (size_t k = 0; k < FR_COUNT_OF(PATHS); k++) {
        static float together[N * DIM], alone[DIM];
        FR_AUTOPTR(fr_embedder) one =
            opened(PATHS[k], (fr_embedder_options){ .threads = 1, .step_tokens = 1 });
        for (int threads = 1; threads <= 3; threads++) {
            FR_AUTOPTR(fr_embedder) e =
                opened(PATHS[k], (fr_embedder_options){ .threads = threads });
            assert_int_equal(fr_embedder_embed(e, texts, N, together, NULL), 0);
            for (size_t i = 0; i < N; i++) {
                double square = 0;
                assert_int_equal(fr_embedder_embed(one, &texts[i], 1, alone, NULL), 0);
                assert_memory_equal(alone, together + i * DIM, sizeof(alone));
                for (size_t d = 0; d < DIM; d++)
                    square += (double)alone[d] * (double)alone[d];
                assert_true(fabs(square - 1) < 1e-6);
            }
        }
    }
}

static void pooling_is_what_its_name_says(void **state)
{
    (void)state;
    const fr_str text = FR_STR("abc");
    fr_row rows[5];
    static const int32_t IDS[] = { 2, 4, 35, 36, 3 }; /* [CLS] a b c [SEP] */
    float states[5 * DIM], got[DIM], mean[DIM];
    FR_AUTOPTR(fr_embedder) as_said = opened(GOLDEN("bert"), (fr_embedder_options){ .raw = true });
    FR_AUTOPTR(fr_kv) kv = NULL;
    fr_model *m = fr_embedder_model(as_said);
    assert_int_equal(fr_kv_new(m, 1, 8, &kv, NULL), 0);
    for (uint32_t i = 0; i < 5; i++)
        rows[i] = (fr_row){ .token = IDS[i], .position = i, .want_logits = true };
    assert_int_equal(fr_model_hidden(m, NULL, kv, NULL, rows, 5, states, NULL), 0);
    for (size_t d = 0; d < DIM; d++) {
        double sum = 0;
        for (size_t i = 0; i < 5; i++)
            sum += (double)states[i * DIM + d];
        mean[d] = (float)(sum / 5);
    }
    assert_int_equal(fr_embedder_pooling(as_said), FR_POOLING_MEAN);
    assert_int_equal(fr_embedder_embed(as_said, &text, 1, got, NULL), 0);
    assert_memory_equal(got, mean, sizeof(got));
    const struct {
        fr_pooling pooling;
        size_t row;
    } OTHERS[] = { { FR_POOLING_CLS, 0 }, { FR_POOLING_LAST, 4 } };
    for (size_t i = 0; i < FR_COUNT_OF(OTHERS); i++) {
        FR_AUTOPTR(fr_embedder) e = opened(
            GOLDEN("bert"), (fr_embedder_options){ .raw = true, .pooling = OTHERS[i].pooling });
        assert_int_equal(fr_embedder_embed(e, &text, 1, got, NULL), 0);
        assert_memory_equal(got, states + OTHERS[i].row * DIM, sizeof(got));
    }
}

/* The positions of this model end at 64. */
static void a_text_that_is_too_long_is_told_or_cut_as_asked(void **state)
{
    (void)state;
    char longer[101] = "", fits[63] = "";
    memset(longer, 'a', 100);
    memset(fits, 'a', 62);
    float cut[DIM], whole[DIM];
    fr_err err = { 0 };
    const fr_str texts[] = { FR_STR("b"), fr_str_of(longer) };
    FR_AUTOPTR(fr_embedder) strict = opened(GOLDEN("bert"), (fr_embedder_options){ 0 });
    float both[2 * DIM];
    assert_int_equal(fr_embedder_embed(strict, texts, 2, both, &err), FR_E_LIMIT);
    assert_non_null(strstr(err.what, "text 2 has 102 tokens"));
    FR_AUTOPTR(fr_embedder) e = opened(GOLDEN("bert"), (fr_embedder_options){ .truncate = true });
    const fr_str part = fr_str_of(fits);
    assert_int_equal(fr_embedder_embed(e, &texts[1], 1, cut, NULL), 0);
    assert_int_equal(fr_embedder_n_cut(e), 1);
    assert_int_equal(fr_embedder_embed(e, &part, 1, whole, NULL), 0);
    assert_memory_equal(cut, whole, sizeof(cut));
    assert_int_equal(fr_embedder_n_cut(e), 1);
}

/* A decoder's long texts go through in parts. */
static void a_generating_model_embeds_too_in_parts_of_any_size(void **state)
{
    (void)state;
    const fr_str texts[] = { FR_STR("HELLOWORLDHELLO"), FR_STR("A") };
    static const fr_pooling POOLINGS[] = { FR_POOLING_MEAN, FR_POOLING_LAST };
    for (size_t k = 0; k < FR_COUNT_OF(POOLINGS); k++) {
        float whole[2 * DIM], parts[2 * DIM];
        FR_AUTOPTR(fr_embedder) a =
            opened(GOLDEN("qwen2"), (fr_embedder_options){ .pooling = POOLINGS[k] });
        FR_AUTOPTR(fr_embedder) b = opened(
            GOLDEN("qwen2"), (fr_embedder_options){ .pooling = POOLINGS[k], .step_tokens = 3 });
        assert_int_equal(fr_embedder_embed(a, texts, 2, whole, NULL), 0);
        assert_int_equal(fr_embedder_embed(b, texts, 2, parts, NULL), 0);
        assert_memory_equal(whole, parts, sizeof(whole));
    }
    FR_AUTOPTR(fr_embedder) e = opened(GOLDEN("qwen2"), (fr_embedder_options){ 0 });
    assert_int_equal(fr_embedder_pooling(e), FR_POOLING_LAST);
}

static void classes_are_scored_of_texts_and_of_pairs(void **state)
{
    (void)state;
    const fr_str a[] = { FR_STR("abc"), FR_STR("xyz"), FR_STR("abc") };
    const fr_str b[] = { FR_STR("d"), FR_STR("efg hij"), FR_STR("d") };
    float single[3 * LABELS], pairs[3 * LABELS], out[DIM];
    FR_AUTOPTR(fr_embedder) e = opened(GOLDEN("bert-classes"), (fr_embedder_options){ 0 });
    assert_int_equal(fr_embedder_n_labels(e), LABELS);
    assert_int_equal(fr_embedder_classify(e, a, NULL, 3, single, NULL), 0);
    assert_int_equal(fr_embedder_classify(e, a, b, 3, pairs, NULL), 0);
    assert_memory_equal(pairs, pairs + 2 * LABELS, LABELS * sizeof(float));
    assert_memory_not_equal(single, pairs, LABELS * sizeof(float));
    fr_err err = { 0 };
    assert_int_equal(fr_embedder_embed(e, a, 1, out, &err), FR_E_USAGE); /* pooled by rank */
    FR_AUTOPTR(fr_embedder) none = opened(GOLDEN("bert"), (fr_embedder_options){ 0 });
    assert_int_equal(fr_embedder_classify(none, a, NULL, 1, single, &err), FR_E_USAGE);
}

static void count_work(void *user, const fr_work_event *event)
{
    if (event->kind == FR_WORK_SCORE) {
        double parts = 0;
        for (size_t i = 0; i < event->n_parts; i++)
            parts += event->parts[i].flops;
        assert_true(fabs(parts - event->flops) <= 1e-9 * event->flops);
        *(uint64_t *)user += event->tokens;
    }
}

static void all_work_is_told(void **state)
{
    (void)state;
    char room[N][64];
    fr_str texts[N];
    static float out[N * DIM];
    uint64_t tokens = 0;
    make_texts(room, texts);
    FR_AUTOPTR(fr_embedder) e =
        opened(GOLDEN("bert"), (fr_embedder_options){ .work = { count_work, &tokens, NULL } });
    assert_int_equal(fr_embedder_embed(e, texts, N, out, NULL), 0);
    assert_true(tokens > 2 * N);
    assert_int_equal(tokens, fr_embedder_n_tokens(e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_embedded_the_same_in_any_company),
        cmocka_unit_test(pooling_is_what_its_name_says),
        cmocka_unit_test(a_text_that_is_too_long_is_told_or_cut_as_asked),
        cmocka_unit_test(a_generating_model_embeds_too_in_parts_of_any_size),
        cmocka_unit_test(classes_are_scored_of_texts_and_of_pairs),
        cmocka_unit_test(all_work_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
