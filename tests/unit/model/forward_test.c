/* forward_test.c: a forward step against Hugging Face transformers, and what it promises about
 * batches, chunks, threads and prefixes. The fixture and its script: tests/fixtures/llama-golden.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/mem.h"
#include "model/model_priv.h"

#define GOLDEN FR_SOURCE_DIR "/tests/fixtures/llama-golden/"

enum { N = 20, VOCAB = 288 };

static fr_model *open_golden(void)
{
    fr_model *m = NULL;
    fr_err err = { 0 };
    if (fr_model_open(GOLDEN "model.gguf", &m, &err) != 0)
        fail_msg("%s", err.what);
    return m;
}

/* The golden model with its matrices in another format. */
static fr_model *open_in(fr_format format)
{
    FR_AUTOPTR(fr_gguf) from = NULL;
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    const fr_format_row *row = fr_format_find(format);
    void *kept[32];
    assert_int_equal(fr_gguf_open(GOLDEN "model.gguf", &from, NULL), 0);
    fr_gguf_put_all(o, from);
    for (size_t i = 0; i < fr_gguf_n_tensors(from); i++) {
        const fr_tensor *t = fr_gguf_tensor_at(from, i);
        char name[64];
        size_t n = (size_t)(t->dims[0] * t->dims[1]);
        snprintf(name, sizeof(name), "%.*s", FR_STR_F(t->name));
        kept[i] = malloc(n * 4);
        if (t->n_dims == 2)
            row->from_f32(t->data, kept[i], n);
        else
            memcpy(kept[i], t->data, n * 4);
        fr_gguf_put_tensor(o, name, t->n_dims == 2 ? format : FR_FORMAT_F32, t->dims, t->n_dims,
                           kept[i]);
    }
    char path[] = "/tmp/frugal-forward-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(fr_gguf_write(o, path, NULL), 0);
    for (size_t i = 0; i < fr_gguf_n_tensors(from); i++)
        free(kept[i]);
    fr_model *m = NULL;
    assert_int_equal(fr_model_open(path, &m, NULL), 0);
    unlink(path);
    return m;
}

static void read_golden(const char *name, void *out, size_t bytes)
{
    FR_AUTO(fr_map) map = { 0 };
    char path[256];
    snprintf(path, sizeof(path), GOLDEN "%s", name);
    assert_int_equal(fr_map_open(path, &map, NULL), 0);
    assert_int_equal(map.size_bytes, bytes);
    memcpy(out, map.at, bytes);
}

static void golden_rows(fr_row rows[N])
{
    int32_t ids[N];
    read_golden("ids.i32", ids, sizeof(ids));
    for (size_t i = 0; i < N; i++)
        rows[i] = (fr_row){ ids[i], 0, (uint32_t)i, true };
}

/* All logits of the golden ids, in one step. */
static void forward_all(const fr_model *m, const fr_adapter *adapter, fr_pool *pool,
                        float logits[N * VOCAB])
{
    FR_AUTOPTR(fr_kv) kv = NULL;
    fr_row rows[N];
    golden_rows(rows);
    assert_int_equal(fr_kv_new(m, 1, N, &kv, NULL), 0);
    kv->alone_flops = 0; /* small as it is, let all threads have their share */
    assert_int_equal(fr_model_forward(m, adapter, kv, pool, rows, N, logits, NULL), 0);
}

/* Largest difference in units of the range of the wanted logits. */
static double worst_difference(const float *want, const float *got)
{
    double worst = 0, low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < N * VOCAB; i++) {
        worst = fmax(worst, fabs((double)want[i] - (double)got[i]));
        low = fmin(low, (double)want[i]);
        high = fmax(high, (double)want[i]);
    }
    assert_true(isfinite(worst));
    return worst / (high - low);
}

static void logits_are_those_of_transformers(void **state)
{
    (void)state;
    static float want[N * VOCAB], got[N * VOCAB];
    FR_AUTOPTR(fr_model) m = open_golden();
    read_golden("logits.f32", want, sizeof(want));
    forward_all(m, NULL, NULL, got);
    double worst = worst_difference(want, got);
    print_message("worst difference: %.2g of the range\n", worst);
    assert_true(worst <= 1e-6);
}

static void packed_weights_give_logits_within_the_rounding_of_their_format(void **state)
{
    (void)state;
    static float want[N * VOCAB], got[N * VOCAB];
    static const struct {
        fr_format format;
        double bound; /* of the range; twice what was seen when this was written */
    } CASES[] = { { FR_FORMAT_F16, 1e-3 },
                  { FR_FORMAT_BF16, 1e-2 },
                  { FR_FORMAT_Q8_0, 3e-2 },
                  { FR_FORMAT_Q5_1, 0.3 } };
    read_golden("logits.f32", want, sizeof(want));
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        FR_AUTOPTR(fr_model) m = open_in(CASES[i].format);
        forward_all(m, NULL, NULL, got);
        double worst = worst_difference(want, got);
        print_message("%s: worst difference %.2g of the range\n",
                      fr_format_find(CASES[i].format)->name, worst);
        assert_true(worst <= CASES[i].bound);
    }
}

static void an_adapter_gives_the_logits_of_merged_weights(void **state)
{
    (void)state;
    static float want[N * VOCAB], got[N * VOCAB], base[N * VOCAB];
    static const char *const PATHS[] = { GOLDEN "adapter", GOLDEN "adapter.gguf" };
    FR_AUTOPTR(fr_model) m = open_golden();
    read_golden("adapted.f32", want, sizeof(want));
    for (size_t i = 0; i < FR_COUNT_OF(PATHS); i++) {
        FR_AUTOPTR(fr_adapter) a = NULL;
        fr_err err = { 0 };
        if (fr_adapter_open(m, PATHS[i], &a, &err) != 0)
            fail_msg("%s", err.what);
        forward_all(m, a, NULL, got);
        double worst = worst_difference(want, got);
        print_message("worst difference: %.2g of the range\n", worst);
        assert_true(worst <= 1e-5);
    }
    forward_all(m, NULL, NULL, base);
    assert_true(worst_difference(want, base) > 1e-2); /* it does something at all */
}

/* The promise behind prefix caches, batches and schedulers, to the bit and in every format. */
static void a_token_has_the_same_bits_in_any_chunk_and_any_batch(void **state)
{
    (void)state;
    static float whole[N * VOCAB], parts[N * VOCAB];
    static const fr_format FORMATS[] = { FR_FORMAT_F32,   FR_FORMAT_F16,  FR_FORMAT_BF16,
                                         FR_FORMAT_Q8_0,  FR_FORMAT_Q4_0, FR_FORMAT_Q5_1,
                                         FR_FORMAT_IQ4_NL };
    for (size_t f = 0; f < FR_COUNT_OF(FORMATS); f++) {
        FR_AUTOPTR(fr_model) m = open_in(FORMATS[f]);
        fr_row rows[N];
        golden_rows(rows);
        forward_all(m, NULL, NULL, whole);
        for (size_t chunk = 1; chunk <= 16; chunk++) {
            FR_AUTOPTR(fr_kv) kv = NULL;
            assert_int_equal(fr_kv_new(m, 1, N, &kv, NULL), 0);
            for (size_t i = 0; i < N; i += chunk)
                assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows + i, FR_MIN(chunk, N - i),
                                                  parts + i * VOCAB, NULL),
                                 0);
            assert_memory_equal(whole, parts, sizeof(whole));
        }
    }
}

static void sequences_of_a_batch_do_not_see_each_other(void **state)
{
    (void)state;
    static float whole[N * VOCAB], batch[3 * VOCAB];
    FR_AUTOPTR(fr_model) m = open_golden();
    FR_AUTOPTR(fr_kv) kv = NULL;
    fr_row rows[N], step[3];
    golden_rows(rows);
    forward_all(m, NULL, NULL, whole);
    assert_int_equal(fr_kv_new(m, 3, N, &kv, NULL), 0);
    /* three sequences of the same ids, each five tokens behind the one before */
    for (size_t t = 0; t < N + 10; t++) {
        size_t n = 0;
        for (uint32_t s = 0; s < 3; s++)
            if (t >= 5 * s && t - 5 * s < N) {
                step[n] = rows[t - 5 * s];
                step[n++].sequence = s;
            }
        assert_int_equal(fr_model_forward(m, NULL, kv, NULL, step, n, batch, NULL), 0);
        for (size_t i = 0; i < n; i++)
            assert_memory_equal(batch + i * VOCAB, whole + step[i].position * VOCAB,
                                VOCAB * sizeof(float));
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    static float one[N * VOCAB], two[N * VOCAB];
    FR_AUTOPTR(fr_model) m = open_golden();
    FR_AUTOPTR(fr_adapter) a = NULL;
    assert_int_equal(fr_adapter_open(m, GOLDEN "adapter", &a, NULL), 0);
    for (int threads = 2; threads <= 5; threads++) {
        FR_AUTOPTR(fr_pool) pool = NULL;
        assert_int_equal(fr_pool_new(threads, &pool, NULL), 0);
        for (int adapted = 0; adapted < 2; adapted++) {
            forward_all(m, adapted ? a : NULL, NULL, one);
            forward_all(m, adapted ? a : NULL, pool, two);
            assert_memory_equal(one, two, sizeof(one));
        }
    }
}

static void only_rows_that_want_logits_get_them_in_row_order(void **state)
{
    (void)state;
    static float whole[N * VOCAB], some[3 * VOCAB];
    FR_AUTOPTR(fr_model) m = open_golden();
    FR_AUTOPTR(fr_pool) pool = NULL;
    FR_AUTOPTR(fr_kv) kv = NULL;
    fr_row rows[N];
    static const size_t WANTED[] = { 2, 11, 19 };
    golden_rows(rows);
    forward_all(m, NULL, NULL, whole);
    for (size_t i = 0; i < N; i++)
        rows[i].want_logits = i == 2 || i == 11 || i == 19;
    assert_int_equal(fr_pool_new(2, &pool, NULL), 0);
    assert_int_equal(fr_kv_new(m, 1, N, &kv, NULL), 0);
    kv->alone_flops = 0;
    assert_int_equal(fr_model_forward(m, NULL, kv, pool, rows, N, some, NULL), 0);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(some + i * VOCAB, whole + WANTED[i] * VOCAB, VOCAB * sizeof(float));
    /* and none at all is a prefill */
    for (size_t i = 0; i < N; i++)
        rows[i].want_logits = false;
    fr_kv_truncate(kv, 0, 0);
    assert_int_equal(fr_model_forward(m, NULL, kv, pool, rows, N - 1, NULL, NULL), 0);
    rows[N - 1].want_logits = true;
    assert_int_equal(fr_model_forward(m, NULL, kv, pool, rows + N - 1, 1, some, NULL), 0);
    assert_memory_equal(some, whole + (N - 1) * VOCAB, VOCAB * sizeof(float));
}

static void a_copied_prefix_and_a_rewound_sequence_go_on_as_if_computed(void **state)
{
    (void)state;
    static float whole[N * VOCAB], rest[N * VOCAB];
    FR_AUTOPTR(fr_model) m = open_golden();
    FR_AUTOPTR(fr_kv) kv = NULL;
    fr_row rows[N];
    golden_rows(rows);
    forward_all(m, NULL, NULL, whole);
    assert_int_equal(fr_kv_new(m, 2, N, &kv, NULL), 0);
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, 12, rest, NULL), 0);
    fr_kv_copy(kv, 0, 1, 8);
    assert_int_equal(fr_kv_length(kv, 1), 8);
    for (size_t i = 8; i < N; i++)
        rows[i].sequence = 1;
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows + 8, N - 8, rest, NULL), 0);
    assert_memory_equal(rest, whole + 8 * VOCAB, (N - 8) * VOCAB * sizeof(float));
    fr_kv_truncate(kv, 1, 10);
    assert_int_equal(fr_kv_length(kv, 1), 10);
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows + 10, N - 10, rest, NULL), 0);
    assert_memory_equal(rest, whole + 10 * VOCAB, (N - 10) * VOCAB * sizeof(float));
}

static void half_width_keys_and_values_stay_near_and_keep_the_promise(void **state)
{
    (void)state;
    static float want[N * VOCAB], whole[N * VOCAB], parts[N * VOCAB];
    FR_AUTOPTR(fr_model) m = open_golden();
    FR_AUTOPTR(fr_kv) kv = NULL;
    fr_row rows[N];
    golden_rows(rows);
    read_golden("logits.f32", want, sizeof(want));
    assert_int_equal(fr_kv_new_in(m, 1, N, FR_FORMAT_F16, &kv, NULL), 0);
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, N, whole, NULL), 0);
    assert_true(worst_difference(want, whole) < 1e-3);
    fr_kv_truncate(kv, 0, 0);
    for (size_t i = 0; i < N; i += 3)
        assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows + i, FR_MIN((size_t)3, N - i),
                                          parts + i * VOCAB, NULL),
                         0);
    assert_memory_equal(whole, parts, sizeof(whole));
}

static void a_step_that_cannot_be_is_refused_before_anything_changes(void **state)
{
    (void)state;
    static float logits[N * VOCAB];
    FR_AUTOPTR(fr_model) m = open_golden();
    FR_AUTOPTR(fr_model) other = open_golden();
    FR_AUTOPTR(fr_kv) kv = NULL;
    fr_err err = { 0 };
    fr_row rows[N];
    assert_int_equal(fr_kv_new(m, 1, 8, &kv, NULL), 0);
    golden_rows(rows);
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, 9, logits, &err), FR_E_LIMIT);
    rows[3].token = VOCAB;
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, 8, logits, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "token 288"));
    golden_rows(rows);
    rows[2].sequence = 1;
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, 8, logits, &err), FR_E_USAGE);
    golden_rows(rows);
    rows[2].position = 5;
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, 8, logits, &err), FR_E_USAGE);
    golden_rows(rows);
    assert_int_equal(fr_model_forward(other, NULL, kv, NULL, rows, 8, logits, &err), FR_E_USAGE);
    assert_int_equal(fr_kv_length(kv, 0), 0);
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, 8, logits, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_those_of_transformers),
        cmocka_unit_test(packed_weights_give_logits_within_the_rounding_of_their_format),
        cmocka_unit_test(an_adapter_gives_the_logits_of_merged_weights),
        cmocka_unit_test(a_token_has_the_same_bits_in_any_chunk_and_any_batch),
        cmocka_unit_test(sequences_of_a_batch_do_not_see_each_other),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(only_rows_that_want_logits_get_them_in_row_order),
        cmocka_unit_test(a_copied_prefix_and_a_rewound_sequence_go_on_as_if_computed),
        cmocka_unit_test(half_width_keys_and_values_stay_near_and_keep_the_promise),
        cmocka_unit_test(a_step_that_cannot_be_is_refused_before_anything_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
