/* What a longer prompt costs, by the engine's own account of operations and bytes (no clock), and
 * what each of its tokens tells. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "infer/engine.h"

static const char MODEL[] = FR_SOURCE_DIR "/models/frugal-tiny.gguf";

typedef struct {
    double flops, bytes;
} account;

static void add_up(void *user, const fr_work_event *event)
{
    account *a = user;
    if (event->kind == FR_WORK_LOAD)
        return;
    a->flops += event->flops;
    a->bytes += event->bytes;
}

static fr_engine *engine_with(fr_work_sink sink, size_t step_tokens)
{
    fr_engine *e = NULL;
    fr_err err = { 0 };
    fr_engine_options options = { .threads = 1,
                                  .max_batch = 1,
                                  .step_tokens = step_tokens,
                                  .no_prefix_cache = true,
                                  .work = sink };
    if (fr_engine_open(MODEL, &options, &e, &err) != 0)
        fail_msg("%s", err.what);
    return e;
}

/* Share of the variance that a straight line explains. */
static double r_squared(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, xx = 0, xy = 0, yy = 0;
    for (size_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        xy += (x[i] - mx) * (y[i] - my);
        yy += (y[i] - my) * (y[i] - my);
    }
    assert_true(xy > 0);
    return xy * xy / (xx * yy);
}

/* Operations (what CPU-seconds and modelled joules follow) and the keys and values kept rise with
 * the prompt on a straight line; the weights are read once a step whatever its length. */
static void cost_and_memory_rise_with_the_prompts_length_on_a_straight_line(void **state)
{
    (void)state;
    enum { POINTS = 8 };
    double tokens[POINTS], flops[POINTS], kv[POINTS];
    account a = { 0 };
    FR_AUTOPTR(fr_engine) e = engine_with((fr_work_sink){ add_up, &a, NULL }, 1024);
    for (size_t i = 0; i < POINTS; i++) {
        size_t n = 64 * (i + 1);
        int32_t *ids = FR_NEW_N(int32_t, n);
        for (size_t k = 0; k < n; k++)
            ids[k] = (int32_t)(300 + k * 7 % 3000);
        fr_request request = { .ids = ids, .n_ids = n, .sampling = { .max_tokens = 1 } };
        uint64_t id = 0;
        a = (account){ 0 };
        assert_int_equal(fr_engine_submit(e, &request, &id, NULL), 0);
        while (fr_engine_busy(e))
            assert_int_equal(fr_engine_step(e, NULL), 0);
        tokens[i] = (double)fr_engine_result(e, id)->prompt_tokens;
        flops[i] = a.flops;
        kv[i] = a.bytes - (double)fr_model_weight_bytes(fr_engine_model(e));
        fr_engine_release(e, id);
        free(ids);
    }
    assert_true(r_squared(tokens, flops, POINTS) > 0.98);
    assert_true(r_squared(tokens, kv, POINTS) > 0.98);
    assert_true(flops[POINTS - 1] > 7.5 * flops[0]);
    assert_true(kv[POINTS - 1] > 7.5 * kv[0]);
}

static const char TEXT[] =
    "Passage: Mira lives in Bergen. Oskar lives in Lyon.\nQuestion: Where does "
    "Mira live?\nAnswer: Bergen\n";

static void surprises_add_up_to_the_texts_likelihood_and_are_worked_for(void **state)
{
    (void)state;
    account a = { 0 };
    FR_AUTOPTR(fr_engine) e = engine_with((fr_work_sink){ add_up, &a, NULL }, 0);
    FR_AUTO(fr_ids) ids = { 0 };
    const fr_tokenizer *t = fr_model_tokenizer(fr_engine_model(e));
    assert_int_equal(fr_tokenizer_encode(t, fr_str_of(TEXT), FR_ENCODE_PLAIN, &ids, NULL), 0);
    double *nats = FR_NEW_N(double, ids.n), sum = 0, nll = 0;
    size_t n = 0;
    assert_int_equal(fr_engine_surprise(e, ids.at, ids.n, nats, NULL), 0);
    assert_true(a.flops > 0);
    for (size_t i = 0; i < ids.n; i++)
        sum += isnan(nats[i]) ? 0 : nats[i];
    assert_int_equal(fr_engine_nll(e, fr_str_of(TEXT), 0, &nll, &n, NULL, NULL), 0);
    assert_int_equal(n, fr_tokenizer_adds_bos(t) ? ids.n : ids.n - 1);
    assert_true(fabs(sum - nll) < 1e-4 * nll);
    free(nats);
}

static void a_text_beyond_the_context_is_told_token_by_token(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_engine) e = engine_with((fr_work_sink){ 0 }, 0);
    size_t n = fr_engine_context(e) * 2 + 17;
    int32_t *ids = FR_NEW_N(int32_t, n);
    double *nats = FR_NEW_N(double, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int32_t)(300 + i % 5);
        nats[i] = -1;
    }
    assert_int_equal(fr_engine_surprise(e, ids, n, nats, NULL), 0);
    for (size_t i = 0; i < n; i++)
        assert_true(isnan(nats[i]) ? i == 0 : nats[i] >= 0);
    free(nats);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cost_and_memory_rise_with_the_prompts_length_on_a_straight_line),
        cmocka_unit_test(surprises_add_up_to_the_texts_likelihood_and_are_worked_for),
        cmocka_unit_test(a_text_beyond_the_context_is_told_token_by_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
