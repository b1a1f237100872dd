/* golden_test.c: every architecture against Hugging Face transformers over 64 positions, and what a
 * step promises about batches, chunks, threads and prefixes, to the bit, for each of them. The
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

enum { N = 64, VOCAB = 96 };
/* The promise is 1e-3 of the range; what is left over is rounding, so the test asks for more. */
static const double BOUND = 2e-5, TOLERANCE = 1e-3;

static const char *const NAMES[] = {
    "llama3",        "llama-linear", "mistral",    "qwen2",    "qwen2-yarn",
    "qwen3",         "gemma",        "gemma2",     "gemma3",   "phi3",
    "phi3-longrope", "gpt2",         "starcoder2", "gptneox",  "gptneox-serial",
    "falcon-7b",     "falcon-40b",   "mixtral",    "qwen3moe",
};

typedef float logits[N * VOCAB];

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

/* Weights are F16 in the file, but its numbers are compared in F32, keys and values too. */
static fr_kv *state_for(const fr_model *m, size_t n_sequences)
{
    fr_kv *kv = NULL;
    assert_int_equal(fr_kv_new_in(m, n_sequences, N, FR_FORMAT_F32, &kv, NULL), 0);
    kv->alone_flops = 0; /* small as it is, let all threads have their share */
    return kv;
}

static void golden_rows(fr_row rows[N])
{
    for (size_t i = 0; i < N; i++)
        rows[i] = (fr_row){ (int32_t)((i * i * 7 + i * 13 + 5) % VOCAB), 0, (uint32_t)i, true };
}

static void forward_all(const fr_model *m, fr_pool *pool, logits out)
{
    FR_AUTOPTR(fr_kv) kv = state_for(m, 1);
    fr_row rows[N];
    fr_err err = { 0 };
    golden_rows(rows);
    if (fr_model_forward(m, NULL, kv, pool, rows, N, out, &err) != 0)
        fail_msg("%s", err.what);
}

static size_t top_of(const float *row, float *margin)
{
    size_t best = 0, second = 1;
    for (size_t i = 0; i < VOCAB; i++)
        if (row[i] > row[best])
            best = i;
    second = best == 0 ? 1 : 0;
    for (size_t i = 0; i < VOCAB; i++)
        if (i != best && row[i] > row[second])
            second = i;
    *margin = row[best] - row[second];
    return best;
}

static void logits_are_those_of_transformers_in_every_architecture(void **state)
{
    (void)state;
    for (size_t k = 0; k < FR_COUNT_OF(NAMES); k++) {
        static logits want, got;
        FR_AUTO(fr_map) map = { 0 };
        FR_AUTOPTR(fr_model) m = open_golden(NAMES[k]);
        char path[256];
        snprintf(path, sizeof(path), GOLDEN "%s.f32", NAMES[k]);
        assert_int_equal(fr_map_open(path, &map, NULL), 0);
        assert_int_equal(map.size_bytes, sizeof(want));
        memcpy(want, map.at, sizeof(want));
        forward_all(m, NULL, got);
        double worst = 0, low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < N * VOCAB; i++) {
            assert_true(isfinite(got[i]));
            worst = fmax(worst, fabs((double)want[i] - (double)got[i]));
            low = fmin(low, (double)want[i]);
            high = fmax(high, (double)want[i]);
        }
        print_message("%-16s largest difference %.2g of the range\n", NAMES[k],
                      worst / (high - low));
        assert_true(worst / (high - low) <= BOUND);
        for (size_t i = 0; i < N; i++) {
            float margin, own;
            size_t top = top_of(want + i * VOCAB, &margin);
            if ((double)margin > 10 * TOLERANCE * (high - low))
                assert_int_equal(top_of(got + i * VOCAB, &own), top);
        }
    }
}

static void chunks_and_rewinding_change_no_bit(const fr_model *m, const logits whole)
{
    static logits parts;
    static const size_t CHUNKS[] = { 1, 3, 16 };
    FR_AUTOPTR(fr_kv) kv = state_for(m, 2);
    fr_row rows[N];
    golden_rows(rows);
    for (size_t c = 0; c < FR_COUNT_OF(CHUNKS); c++) {
        fr_kv_truncate(kv, 0, 0);
        for (size_t i = 0; i < N; i += CHUNKS[c])
            assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows + i, FR_MIN(CHUNKS[c], N - i),
                                              parts + i * VOCAB, NULL),
                             0);
        assert_memory_equal(whole, parts, sizeof(logits));
    }
    fr_kv_copy(kv, 0, 1, 40); /* a warm prefix */
    for (size_t i = 40; i < N; i++)
        rows[i].sequence = 1;
    assert_int_equal(
        fr_model_forward(m, NULL, kv, NULL, rows + 40, N - 40, parts + 40 * VOCAB, NULL), 0);
    assert_memory_equal(whole, parts, sizeof(logits));
}

/* Sixteen sequences of the same ids, each two tokens behind the one before. */
static void a_batch_changes_no_bit(const fr_model *m, fr_pool *pool, const logits whole)
{
    enum { SEQUENCES = 16 };
    static float batch[SEQUENCES * VOCAB];
    FR_AUTOPTR(fr_kv) kv = state_for(m, SEQUENCES);
    fr_row rows[N], step[SEQUENCES];
    golden_rows(rows);
    for (size_t t = 0; t < N + 2 * SEQUENCES; t++) {
        size_t n = 0;
        for (uint32_t s = 0; s < SEQUENCES; s++)
            if (t >= 2 * s && t - 2 * s < N) {
                step[n] = rows[t - 2 * s];
                step[n++].sequence = s;
            }
        assert_int_equal(fr_model_forward(m, NULL, kv, pool, step, n, batch, NULL), 0);
        for (size_t i = 0; i < n; i++)
            assert_memory_equal(batch + i * VOCAB, whole + step[i].position * VOCAB,
                                VOCAB * sizeof(float));
    }
}

static void only_wanted_rows_are_given(const fr_model *m, fr_pool *pool, const logits whole)
{
    static float some[3 * VOCAB];
    static const size_t WANTED[] = { 2, 41, 63 };
    FR_AUTOPTR(fr_kv) kv = state_for(m, 1);
    fr_row rows[N];
    golden_rows(rows);
    for (size_t i = 0; i < N; i++)
        rows[i].want_logits = i == WANTED[0] || i == WANTED[1] || i == WANTED[2];
    assert_int_equal(fr_model_forward(m, NULL, kv, pool, rows, N, some, NULL), 0);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(some + i * VOCAB, whole + WANTED[i] * VOCAB, VOCAB * sizeof(float));
}

static void batch_chunk_thread_and_prefix_change_no_bit_in_any_architecture(void **state)
{
    (void)state;
    for (size_t k = 0; k < FR_COUNT_OF(NAMES); k++) {
        static logits whole, shared;
        FR_AUTOPTR(fr_model) m = open_golden(NAMES[k]);
        forward_all(m, NULL, whole);
        chunks_and_rewinding_change_no_bit(m, whole);
        a_batch_changes_no_bit(m, NULL, whole);
        for (int threads = 2; threads <= 5; threads++) {
            FR_AUTOPTR(fr_pool) pool = NULL;
            assert_int_equal(fr_pool_new(threads, &pool, NULL), 0);
            forward_all(m, pool, shared);
            assert_memory_equal(whole, shared, sizeof(logits));
            only_wanted_rows_are_given(m, pool, whole);
            if (threads <= 3)
                a_batch_changes_no_bit(m, pool, whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_those_of_transformers_in_every_architecture),
        cmocka_unit_test(batch_chunk_thread_and_prefix_change_no_bit_in_any_architecture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
