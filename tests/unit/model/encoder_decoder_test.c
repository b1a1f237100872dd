/* encoder_decoder_test.c: T5 against Hugging Face transformers: logits over 64 teacher-forced
 * positions, greedy continuations, buckets of distances, an encoder's states; and what a step
 * promises about batch, chunks and threads, to the bit. The fixtures and their script:
 * tests/fixtures/models/make_golden.py. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "model/model_priv.h"

#define GOLDEN FR_SOURCE_DIR "/tests/fixtures/models/golden/"

enum { N = 64, VOCAB = 96, DIM = 32, N_INPUT = 48, END = 1 };
static const double BOUND = 2e-5; /* of the range; rounding */

typedef float logits[N * VOCAB];
static const char *const NAMES[] = { "t5", "t5-gated" };

static fr_model *open_golden(const char *name, fr_map *map)
{
    fr_model *m = NULL;
    fr_err err = { 0 };
    char path[256];
    snprintf(path, sizeof(path), GOLDEN "%s.gguf", name);
    if (fr_model_open(path, &m, &err) != 0)
        fail_msg("%s (%s)", err.what, err.hint);
    snprintf(path, sizeof(path), GOLDEN "%s.f32", name);
    if (map != NULL)
        assert_int_equal(fr_map_open(path, map, NULL), 0);
    return m;
}

static fr_kv *state_for(const fr_model *m, size_t n_sequences)
{
    fr_kv *kv = NULL;
    assert_int_equal(fr_kv_new(m, n_sequences, N, &kv, NULL), 0);
    kv->alone_flops = 0; /* small as it is, let all threads have their share */
    if (kv->reader != NULL)
        kv->reader->alone_flops = 0;
    return kv;
}

static void read_input(const fr_model *m, fr_kv *kv, fr_pool *pool, size_t sequence, size_t n)
{
    int32_t ids[N_INPUT];
    fr_err err = { 0 };
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)((i * i * 3 + i * 11 + 7) % (VOCAB - 2) + 2);
    if (fr_model_encode(m, kv, pool, sequence, ids, n, &err) != 0)
        fail_msg("%s", err.what);
}

static void golden_rows(fr_row rows[N], uint32_t sequence)
{
    for (size_t i = 0; i < N; i++)
        rows[i] = (fr_row){ .token = (int32_t)((i * i * 7 + i * 13 + 5) % VOCAB),
                            .sequence = sequence,
                            .position = (uint32_t)i,
                            .want_logits = true };
}

static void forward_all(const fr_model *m, fr_pool *pool, logits out)
{
    FR_AUTOPTR(fr_kv) kv = state_for(m, 1);
    fr_row rows[N];
    golden_rows(rows, 0);
    read_input(m, kv, pool, 0, N_INPUT);
    assert_int_equal(fr_model_forward(m, NULL, kv, pool, rows, N, out, NULL), 0);
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

static void logits_are_those_of_transformers(void **state)
{
    (void)state;
    for (size_t k = 0; k < FR_COUNT_OF(NAMES); k++) {
        static logits got;
        FR_AUTO(fr_map) map = { 0 };
        FR_AUTOPTR(fr_model) m = open_golden(NAMES[k], &map);
        forward_all(m, NULL, got);
        double off = difference((const float *)(const void *)map.at, got, N * VOCAB);
        print_message("%-10s largest difference %.2g of the range\n", NAMES[k], off);
        assert_true(off <= BOUND);
    }
}

static size_t best_of(const float *row)
{
    size_t best = 0;
    for (size_t i = 1; i < VOCAB; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

static void greedy_continuations_are_those_of_transformers(void **state)
{
    (void)state;
    for (size_t k = 0; k < FR_COUNT_OF(NAMES); k++) {
        FR_AUTO(fr_map) map = { 0 };
        FR_AUTOPTR(fr_model) m = open_golden(NAMES[k], &map);
        FR_AUTOPTR(fr_kv) kv = state_for(m, 1);
        const float *want = (const float *)(const void *)map.at + N * VOCAB;
        const size_t n = (size_t)*want++;
        float row[VOCAB];
        fr_row at = { .token = fr_model_decoder_start(m), .want_logits = true };
        assert_in_range(n, 8, 32);
        read_input(m, kv, NULL, 0, N_INPUT);
        for (size_t i = 0; i < n; i++, at.position++) {
            assert_int_equal(fr_model_forward(m, NULL, kv, NULL, &at, 1, row, NULL), 0);
            at.token = (int32_t)best_of(row);
            assert_int_equal(at.token, (int)want[i]);
        }
    }
}

static void distances_fall_into_the_buckets_of_transformers(void **state)
{
    (void)state;
    FR_AUTO(fr_map) map = { 0 };
    FR_AUTOPTR(fr_model) m = open_golden("t5", &map);
    const float *want = (const float *)(const void *)map.at + N * VOCAB;
    want += (size_t)*want + 1;
    for (ptrdiff_t further = -200; further <= 200; further++) {
        const size_t i = (size_t)(further + 200);
        assert_int_equal(fr_distance_bucket(&fr_model_encoder(m)->shape, further), (int)want[i]);
        assert_int_equal(fr_distance_bucket(&m->shape, further), (int)want[401 + i]);
    }
}

static void states_of_an_encoder_are_those_of_transformers(void **state)
{
    (void)state;
    FR_AUTO(fr_map) map = { 0 };
    FR_AUTOPTR(fr_model) m = open_golden("t5encoder", &map);
    FR_AUTOPTR(fr_kv) kv = state_for(m, 1);
    static float got[N_INPUT * DIM];
    fr_row rows[N_INPUT];
    assert_null(fr_model_encoder(m));
    for (size_t i = 0; i < N_INPUT; i++)
        rows[i] = (fr_row){ .token = (int32_t)((i * i * 3 + i * 11 + 7) % (VOCAB - 2) + 2),
                            .position = (uint32_t)i,
                            .want_logits = true };
    assert_int_equal(map.size_bytes, sizeof(got));
    assert_int_equal(fr_model_hidden(m, NULL, kv, NULL, rows, N_INPUT, got, NULL), 0);
    assert_true(difference((const float *)(const void *)map.at, got, N_INPUT * DIM) <= BOUND);
}

/* Sequences with inputs of other lengths beside, in chunks of other sizes. */
static void batch_chunks_and_threads_change_no_bit(void **state)
{
    (void)state;
    for (size_t k = 0; k < FR_COUNT_OF(NAMES); k++) {
        static logits whole, parts;
        FR_AUTOPTR(fr_model) m = open_golden(NAMES[k], NULL);
        forward_all(m, NULL, whole);
        for (int threads = 1; threads <= 5; threads++) {
            static float two[2 * VOCAB];
            FR_AUTOPTR(fr_pool) pool = NULL;
            FR_AUTOPTR(fr_kv) kv = state_for(m, 3);
            fr_row rows[N], beside[N], step[2];
            assert_int_equal(fr_pool_new(threads, &pool, NULL), 0);
            forward_all(m, pool, parts);
            assert_memory_equal(whole, parts, sizeof(logits));
            golden_rows(rows, 2);
            golden_rows(beside, 0);
            read_input(m, kv, pool, 2, N_INPUT);
            read_input(m, kv, pool, 0, 5);
            for (size_t i = 0; i < N; i++) {
                step[0] = beside[i];
                step[1] = rows[i];
                assert_int_equal(fr_model_forward(m, NULL, kv, pool, step, 2, two, NULL), 0);
                assert_memory_equal(two + VOCAB, whole + i * VOCAB, VOCAB * sizeof(float));
            }
        }
    }
}

static void what_was_read_is_needed_and_may_be_copied(void **state)
{
    (void)state;
    static logits whole;
    FR_AUTOPTR(fr_model) m = open_golden("t5", NULL);
    FR_AUTOPTR(fr_kv) kv = state_for(m, 2);
    fr_row rows[N];
    float out[VOCAB];
    fr_err err = { 0 };
    golden_rows(rows, 0);
    forward_all(m, NULL, whole);
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, 1, out, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "nothing that the decoder could look at"));
    read_input(m, kv, NULL, 0, N_INPUT);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows + i, 1, out, NULL), 0);
    fr_kv_copy(kv, 0, 1, 10);
    golden_rows(rows, 1);
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows + 10, 1, out, NULL), 0);
    assert_memory_equal(out, whole + 10 * VOCAB, sizeof(out));
    int32_t longer[N + 1] = { 0 };
    assert_int_equal(fr_model_encode(m, kv, NULL, 0, longer, N + 1, NULL), FR_E_LIMIT);
    assert_int_equal(fr_model_encode(m, kv, NULL, 0, longer, 0, NULL), FR_E_USAGE);
    longer[3] = VOCAB;
    assert_int_equal(fr_model_encode(m, kv, NULL, 0, longer, 5, NULL), FR_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_those_of_transformers),
        cmocka_unit_test(greedy_continuations_are_those_of_transformers),
        cmocka_unit_test(distances_fall_into_the_buckets_of_transformers),
        cmocka_unit_test(states_of_an_encoder_are_those_of_transformers),
        cmocka_unit_test(batch_chunks_and_threads_change_no_bit),
        cmocka_unit_test(what_was_read_is_needed_and_may_be_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
