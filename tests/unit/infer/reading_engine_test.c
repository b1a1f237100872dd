/* An encoder–decoder in the engine: the encoder reads the prompt, answers are transformers' own, in
 * any batch; likelihoods are those of its logits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "infer/engine.h"

#define GOLDEN FR_SOURCE_DIR "/tests/fixtures/models/golden/"

enum { N = 64, VOCAB = 96, N_INPUT = 48 };

static fr_engine *opened(const char *name, fr_engine_options o)
{
    fr_engine *e = NULL;
    fr_err err = { 0 };
    char path[256];
    snprintf(path, sizeof(path), GOLDEN "%s.gguf", name);
    if (fr_engine_open(path, &o, &e, &err) != 0)
        fail_msg("%s (%s)", err.what, err.hint);
    return e;
}

static uint64_t ask(fr_engine *e, size_t n_input, size_t max_tokens)
{
    int32_t ids[N_INPUT];
    uint64_t id = 0;
    fr_err err = { 0 };
    for (size_t i = 0; i < n_input; i++)
        ids[i] = (int32_t)((i * i * 3 + i * 11 + 7) % (VOCAB - 2) + 2);
    fr_request r = { .ids = ids, .n_ids = n_input, .sampling.max_tokens = max_tokens };
    if (fr_engine_submit(e, &r, &id, &err) != 0)
        fail_msg("%s", err.what);
    return id;
}

static void run(fr_engine *e)
{
    while (fr_engine_busy(e))
        assert_int_equal(fr_engine_step(e, NULL), 0);
}

static void count_tokens(void *user, const fr_work_event *event)
{
    double parts = 0;
    for (size_t i = 0; i < event->n_parts; i++)
        parts += event->parts[i].flops;
    if (event->kind != FR_WORK_LOAD)
        assert_true(fabs(parts - event->flops) <= 1e-9 * event->flops);
    *(uint64_t *)user += event->tokens;
}

static void greedy_answers_are_those_of_transformers_in_any_batch(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "t5", "t5-gated" };
    for (size_t k = 0; k < FR_COUNT_OF(NAMES); k++) {
        FR_AUTO(fr_map) map = { 0 };
        char path[256];
        snprintf(path, sizeof(path), GOLDEN "%s.f32", NAMES[k]);
        assert_int_equal(fr_map_open(path, &map, NULL), 0);
        const float *want = (const float *)(const void *)map.at + N * VOCAB;
        const size_t n = (size_t)*want++;
        uint64_t tokens = 0;
        for (size_t others = 0; others < 4; others++) {
            FR_AUTOPTR(fr_engine) e =
                opened(NAMES[k], (fr_engine_options){ .threads = 1 + (int)others % 3,
                                                      .max_batch = 1 + others,
                                                      .work = { count_tokens, &tokens, NULL } });
            uint64_t ids[5];
            tokens = 0;
            for (size_t i = 0; i < others; i++)
                ids[i] = ask(e, 3 + 9 * i, 5);
            ids[others] = ask(e, N_INPUT, n);
            run(e);
            const fr_completion *done = fr_engine_result(e, ids[others]);
            assert_int_equal(done->prompt_tokens, N_INPUT);
            assert_int_equal(done->completion_tokens, n);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(done->ids[i], (int)want[i]);
            if (others == 0)
                assert_int_equal(tokens, N_INPUT + n);
        }
    }
}

static void an_answer_is_scored_after_what_was_read(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_engine) e = opened("t5", (fr_engine_options){ .threads = 1 });
    fr_model *m = fr_engine_model(e);
    const fr_tokenizer *t = fr_model_tokenizer(m);
    fr_scored item = { .prompt = FR_STR("HELLO"), .continuation = FR_STR("ABC") };
    fr_err err = { 0 };
    if (fr_engine_score(e, NULL, &item, 1, &err) != 0)
        fail_msg("%s", err.what);
    FR_AUTO(fr_ids) source = { 0 };
    FR_AUTO(fr_ids) answer = { 0 };
    fr_ids_put(&answer, fr_model_decoder_start(m));
    assert_int_equal(fr_tokenizer_encode(t, item.prompt, FR_ENCODE_BOS, &source, NULL), 0);
    assert_int_equal(source.at[source.n - 1], 1); /* </s> */
    assert_int_equal(fr_tokenizer_encode(t, item.continuation, FR_ENCODE_PLAIN, &answer, NULL), 0);
    FR_AUTOPTR(fr_kv) kv = NULL;
    assert_int_equal(fr_kv_new(m, 1, 32, &kv, NULL), 0);
    assert_int_equal(fr_model_encode(m, kv, NULL, 0, source.at, source.n, NULL), 0);
    double sum = 0;
    for (size_t i = 0; i + 1 < answer.n; i++) {
        float row[VOCAB];
        double all = 0;
        const fr_row at = { .token = answer.at[i], .position = (uint32_t)i, .want_logits = true };
        assert_int_equal(fr_model_forward(m, NULL, kv, NULL, &at, 1, row, NULL), 0);
        for (size_t v = 0; v < VOCAB; v++)
            all += exp((double)row[v]);
        sum += (double)row[answer.at[i + 1]] - log(all);
    }
    assert_int_equal(item.n_tokens, answer.n - 1);
    assert_true(fabs(sum - item.logprob) < 1e-4);
}

static void what_an_encoder_decoder_cannot_do_is_said(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_engine) e = opened("t5", (fr_engine_options){ .threads = 1, .context = 8 });
    int32_t ids[9] = { 5, 5, 5, 5, 5, 5, 5, 5, 5 };
    uint64_t id = 0;
    double nll;
    size_t n;
    fr_request r = { .ids = ids, .n_ids = 9 };
    assert_int_equal(fr_engine_submit(e, &r, &id, NULL), FR_E_LIMIT);
    r.n_ids = 3;
    ids[1] = VOCAB;
    assert_int_equal(fr_engine_submit(e, &r, &id, NULL), FR_E_USAGE);
    assert_int_equal(fr_engine_nll(e, FR_STR("abc"), 0, &nll, &n, NULL, NULL), FR_E_USAGE);
    fr_engine *none = NULL;
    assert_int_equal(fr_engine_open(GOLDEN "t5encoder.gguf", NULL, &none, NULL), FR_E_USAGE);
    ids[1] = 5;
    assert_int_equal(fr_engine_submit(e, &r, &id, NULL), 0); /* it still works */
    run(e);
    assert_non_null(fr_engine_result(e, id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_answers_are_those_of_transformers_in_any_batch),
        cmocka_unit_test(an_answer_is_scored_after_what_was_read),
        cmocka_unit_test(what_an_encoder_decoder_cannot_do_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
