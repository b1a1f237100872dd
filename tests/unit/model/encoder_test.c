/* encoder_test.c: hidden states and classes of encoders against Hugging Face transformers, over 64
 * tokens of a pair of texts, and what a step promises about batch and threads, to the bit. The
 * fixtures and their script: tests/fixtures/models/make_golden.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "model/model_priv.h"

#define GOLDEN FR_SOURCE_DIR "/tests/fixtures/models/golden/"

enum { N = 64, VOCAB = 96, DIM = 32, SECOND = 40, LABELS = 3 };
static const double BOUND = 2e-5; /* of the range; rounding */

typedef float states[N * DIM];

static fr_model *open_golden(const char *name)
{
    fr_model *m = NULL;
    fr_err err = { 0 };
    char path[256];
    snprintf(path, sizeof(path), GOLDEN "%s.gguf", name);
    if (fr_model_open(path, &m, &err) != 0)
        fail_msg("%s (%s)", err.what, err.hint);
    return m;
}

static fr_kv *state_for(const fr_model *m, size_t n_sequences)
{
    fr_kv *kv = NULL;
    assert_int_equal(fr_kv_new(m, n_sequences, N, &kv, NULL), 0);
    kv->alone_flops = 0; /* small as it is, let all threads have their share */
    return kv;
}

/* The first n tokens as a sequence. */
static void golden_rows(fr_row *rows, size_t n, uint32_t sequence)
{
    for (size_t i = 0; i < n; i++)
        rows[i] = (fr_row){ .token = (int32_t)((i * i * 7 + i * 13 + 5) % VOCAB),
                            .sequence = sequence,
                            .position = (uint32_t)i,
                            .want_logits = true,
                            .kind = i >= SECOND };
}

static void run(const fr_model *m, fr_pool *pool, const fr_row *rows, size_t n, float *out)
{
    FR_AUTOPTR(fr_kv) kv = state_for(m, 8);
    fr_err err = { 0 };
    if (fr_model_hidden(m, NULL, kv, pool, rows, n, out, &err) != 0)
        fail_msg("%s", err.what);
}

static double difference(const float *want, const float *got, size_t n)
{
    double worst = 0, low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        assert_true(isfinite(got[i]));
        worst = fmax(worst, fabs((double)want[i] - (double)got[i]));
        low = fmin(low, (double)want[i]);
        high = fmax(high, (double)want[i]);
    }
    return worst / (high - low);
}

static const char *const NAMES[] = { "bert", "bert-classes", "nomic-bert" };

static void hidden_states_are_those_of_transformers(void **state)
{
    (void)state;
    for (size_t k = 0; k < FR_COUNT_OF(NAMES); k++) {
        static states got;
        FR_AUTO(fr_map) map = { 0 };
        FR_AUTOPTR(fr_model) m = open_golden(NAMES[k]);
        const size_t labels = fr_model_shape(m)->n_labels;
        fr_row rows[N];
        char path[256];
        snprintf(path, sizeof(path), GOLDEN "%s.f32", NAMES[k]);
        assert_int_equal(fr_map_open(path, &map, NULL), 0);
        assert_int_equal(map.size_bytes, sizeof(got) + labels * sizeof(float));
        const float *want = (const float *)(const void *)map.at;
        golden_rows(rows, N, 0);
        run(m, NULL, rows, N, got);
        double off = difference(want, got, N * DIM);
        print_message("%-16s largest difference %.2g of the range\n", NAMES[k], off);
        assert_true(off <= BOUND);
        if (labels != 0) {
            float logits[LABELS];
            assert_int_equal(labels, LABELS);
            assert_int_equal(fr_model_classify(m, got, 1, logits, NULL), 0);
            assert_true(difference(want + N * DIM, logits, LABELS) <= BOUND);
        }
    }
}

/* Texts of 64, 1, 17 and 40 tokens together; threads from 1 to 5. */
static void batch_and_threads_change_no_bit(void **state)
{
    (void)state;
    static const size_t LENGTHS[] = { 64, 1, 17, 40 };
    for (size_t k = 0; k < FR_COUNT_OF(NAMES); k++) {
        static float alone[4][N * DIM], together[(64 + 1 + 17 + 40) * DIM];
        FR_AUTOPTR(fr_model) m = open_golden(NAMES[k]);
        fr_row rows[64 + 1 + 17 + 40];
        size_t n = 0;
        for (uint32_t i = 0; i < 4; i++) {
            golden_rows(rows, LENGTHS[i], 0);
            run(m, NULL, rows, LENGTHS[i], alone[i]);
        }
        for (uint32_t i = 0; i < 4; n += LENGTHS[i++])
            golden_rows(rows + n, LENGTHS[i], i);
        for (int threads = 1; threads <= 5; threads++) {
            FR_AUTOPTR(fr_pool) pool = NULL;
            assert_int_equal(fr_pool_new(threads, &pool, NULL), 0);
            memset(together, 0, sizeof(together));
            run(m, pool, rows, n, together);
            for (size_t i = 0, at = 0; i < 4; at += LENGTHS[i++])
                assert_memory_equal(together + at * DIM, alone[i],
                                    LENGTHS[i] * DIM * sizeof(float));
        }
    }
}

static void only_wanted_states_are_given(void **state)
{
    (void)state;
    static states all;
    FR_AUTOPTR(fr_model) m = open_golden("bert");
    float some[2 * DIM];
    fr_row rows[N];
    golden_rows(rows, N, 0);
    run(m, NULL, rows, N, all);
    for (size_t i = 0; i < N; i++)
        rows[i].want_logits = i == 0 || i == 33;
    run(m, NULL, rows, N, some);
    assert_memory_equal(some, all, DIM * sizeof(float));
    assert_memory_equal(some + DIM, all + 33 * DIM, DIM * sizeof(float));
}

/* Of a decoder the states before the logits; held against its own logits by the output matrix. */
static void a_decoder_gives_its_last_states_too(void **state)
{
    (void)state;
    static float hidden[N * DIM], logits[N * VOCAB], by_hand[N * VOCAB];
    FR_AUTOPTR(fr_model) m = open_golden("qwen2");
    FR_AUTOPTR(fr_kv) kv = state_for(m, 2);
    fr_row rows[N];
    golden_rows(rows, N, 0);
    for (size_t i = 0; i < N; i++)
        rows[i].kind = 0;
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, N, logits, NULL), 0);
    assert_int_equal(fr_model_hidden(m, NULL, kv, NULL, rows, N, hidden, NULL), 0);
    m->kernels->linear(by_hand, VOCAB, hidden, DIM, N,
                       model_weight_of(m, FR_SLOT_TOKEN_EMBD, 0)->matrix, 0, VOCAB);
    assert_memory_equal(by_hand, logits, sizeof(logits));
}

static void what_an_encoder_cannot_do_is_said(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_model) m = open_golden("nomic-bert");
    FR_AUTOPTR(fr_kv) kv = state_for(m, 1);
    float out[DIM], labels[LABELS];
    fr_err err = { 0 };
    fr_row row = { .token = 5, .want_logits = true };
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, &row, 1, out, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "encoder"));
    assert_int_equal(fr_model_hidden(m, NULL, kv, NULL, &row, 1, out, NULL), 0);
    row.position = 1; /* the rest of a text whose beginning was in another step */
    assert_int_equal(fr_model_hidden(m, NULL, kv, NULL, &row, 1, out, NULL), FR_E_USAGE);
    row.position = 0;
    row.kind = 2;
    assert_int_equal(fr_model_hidden(m, NULL, kv, NULL, &row, 1, out, NULL), FR_E_USAGE);
    assert_int_equal(fr_model_classify(m, out, 1, labels, NULL), FR_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_states_are_those_of_transformers),
        cmocka_unit_test(batch_and_threads_change_no_bit),
        cmocka_unit_test(only_wanted_states_are_given),
        cmocka_unit_test(a_decoder_gives_its_last_states_too),
        cmocka_unit_test(what_an_encoder_cannot_do_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
