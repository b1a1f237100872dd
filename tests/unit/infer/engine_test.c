/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <unistd.h>

#include "infer/engine.h"
#include "support/tiny_model.h"
#include "text/utf8.h"

/* ---- asking ---------------------------------------------------------------------------------- */

static fr_engine *engine_of(const char *path, fr_engine_options o)
{
    fr_engine *e = NULL;
    fr_err err = { 0 };
    o.threads = o.threads > 0 ? o.threads : 1;
    if (fr_engine_open(path, &o, &e, &err) != 0)
        fail_msg("%s", err.what);
    return e;
}

static uint64_t submit(fr_engine *e, fr_request r)
{
    uint64_t id = 0;
    fr_err err = { 0 };
    if (fr_engine_submit(e, &r, &id, &err) != 0)
        fail_msg("%s", err.what);
    return id;
}

static void run(fr_engine *e)
{
    fr_err err = { 0 };
    while (fr_engine_busy(e)) {
        if (fr_engine_step(e, &err) != 0)
            fail_msg("%s", err.what);
    }
}

/* The text of one request by itself; owned. */
static char *text_of(const char *path, fr_engine_options o, fr_request r)
{
    FR_AUTOPTR(fr_engine) e = engine_of(path, o);
    uint64_t id = submit(e, r);
    run(e);
    return fr_dup(fr_engine_result(e, id)->text);
}

/* ---- invariance ------------------------------------------------------------------------------ */

enum { N_PROMPTS = 9 };
static const char *const PROMPTS[N_PROMPTS] = {
    "the cat",
    "the cat sat on the mat and then on the other mat until it had sat on each of them twice",
    "the cat sat on the mat and then on the other mat until it had sat on none",
    "",
    "x",
    "in the beginning there was a long prompt that does not fit one step of a few tokens",
    "Ünïcode 🦙 in it",
    "the cat",
    "and now for something completely different",
};

static fr_request request_at(size_t i)
{
    return (fr_request){ .prompt = fr_str_of(PROMPTS[i]),
                         .sampling = { .temperature = i % 3 == 0 ? 0 : 0.9,
                                       .top_k = i % 2 ? 40 : 0,
                                       .top_p = i % 4 == 1 ? 0.9 : 0,
                                       .seed = 7 + i,
                                       .max_tokens = 12 + i } };
}

/* The texts of all prompts asked at once; owned. */
static void texts_together(const char *path, fr_engine_options o, char *out[N_PROMPTS])
{
    FR_AUTOPTR(fr_engine) e = engine_of(path, o);
    uint64_t ids[N_PROMPTS];
    for (size_t i = 0; i < N_PROMPTS; i++)
        ids[i] = submit(e, request_at(i));
    run(e);
    for (size_t i = 0; i < N_PROMPTS; i++)
        out[i] = fr_dup(fr_engine_result(e, ids[i])->text);
}

static void texts_do_not_change_with(const char *path, const char *kv)
{
    char *alone[N_PROMPTS];
    for (size_t i = 0; i < N_PROMPTS; i++)
        alone[i] = text_of(path, (fr_engine_options){ .max_batch = 1, .kv = kv }, request_at(i));
    assert_string_not_equal(alone[1], alone[2]);
    static const size_t STEPS[] = { 1, 3, 7, 64, 256 };
    for (size_t way = 0; way < 8 * FR_COUNT_OF(STEPS); way++) {
        fr_engine_options o = { .threads = 1 + (int)(way / 3 % 2),
                                .max_batch = 1 + way * 5 % 16,
                                .kv = kv,
                                .step_tokens = STEPS[way / 8],
                                .no_prefix_cache = way % 5 == 0 };
        char *together[N_PROMPTS];
        texts_together(path, o, together);
        for (size_t i = 0; i < N_PROMPTS; i++) {
            if (strcmp(alone[i], together[i]) != 0)
                fail_msg("batch %zu, %d threads, %zu tokens a step, cache %s: '%s' became '%s'",
                         o.max_batch, o.threads, o.step_tokens, o.no_prefix_cache ? "off" : "on",
                         alone[i], together[i]);
            free(together[i]);
        }
    }
    for (size_t i = 0; i < N_PROMPTS; i++)
        free(alone[i]);
}

static void text_does_not_change_with_batch_threads_cache_or_step(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .layers = 2 }, *state);
    texts_do_not_change_with(path, NULL);
    free(path);
}

/* Whatever keys and values are kept in: rounding is done once, when a position is written. */
static void nor_does_it_in_any_format_of_keys_and_values(void **state)
{
    static const char *const KV[] = { "f32", "f16", "q8_0" };
    char *path = tiny_model_write(&(tiny_model){ .dim = 64, .heads = 2, .kv_heads = 1 }, *state);
    for (size_t i = 0; i < FR_COUNT_OF(KV); i++)
        texts_do_not_change_with(path, KV[i]);
    free(path);
}

static void formats_of_keys_and_values_that_cannot_be_are_named(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ 0 }, *state); /* heads of 8 */
    static const char *const CASES[][2] = { { "q8_0", "heads of 8 values fill no blocks of Q8_0" },
                                            { "q4_0", "in format Q4_0 are not supported" },
                                            { "int3", "no format 'int3'" } };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_engine *e = NULL;
        fr_err err = { 0 };
        assert_int_not_equal(
            fr_engine_open(path, &(fr_engine_options){ .threads = 1, .kv = CASES[i][0] }, &e, &err),
            0);
        assert_non_null(strstr(err.what, CASES[i][1]));
    }
    free(path);
}

static void nor_does_it_in_any_number_format(void **state)
{
    static const fr_format FORMATS[] = { FR_FORMAT_F16, FR_FORMAT_BF16, FR_FORMAT_Q8_0 };
    for (size_t i = 0; i < FR_COUNT_OF(FORMATS); i++) {
        char *path = tiny_model_write(
            &(tiny_model){ .format = FORMATS[i], .seed = i, .tied = i == 1 }, *state);
        texts_do_not_change_with(path, NULL);
        free(path);
    }
}

/* ---- the prefix cache ------------------------------------------------------------------------ */

static void a_second_prompt_computes_only_what_is_new(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ 0 }, *state);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ .max_batch = 3 });
    uint64_t first = submit(e, request_at(1));
    run(e);
    uint64_t second = submit(e, request_at(2));
    run(e);
    const fr_completion *a = fr_engine_result(e, first), *b = fr_engine_result(e, second);
    assert_int_equal(a->cached_tokens, 0);
    assert_in_range(b->cached_tokens, 30, b->prompt_tokens - 1);
    assert_true(b->flops < a->flops);
    free(path);
}

static void prompts_asked_together_compute_their_common_prefix_once(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ 0 }, *state);
    FR_AUTOPTR(fr_engine) e =
        engine_of(path, (fr_engine_options){ .max_batch = 4, .step_tokens = 16 });
    uint64_t first = submit(e, request_at(1)), second = submit(e, request_at(2));
    run(e);
    assert_int_equal(fr_engine_result(e, first)->cached_tokens, 0);
    assert_in_range(fr_engine_result(e, second)->cached_tokens, 30, 100);
    free(path);
}

/* ---- work events ----------------------------------------------------------------------------- */

typedef struct {
    double flops, seconds;
    uint64_t prompt_tokens, generated_tokens, tokens;
    size_t events;
} work_sum;

static void add_work(void *user, const fr_work_event *event)
{
    work_sum *sum = user;
    double parts = 0;
    for (size_t i = 0; i < event->n_parts; i++) {
        parts += event->parts[i].flops;
        sum->prompt_tokens += event->parts[i].prompt_tokens;
        sum->generated_tokens += event->parts[i].generated_tokens;
    }
    if (event->kind == FR_WORK_LOAD)
        return;
    assert_true(fabs(parts - event->flops) <= 1e-9 * event->flops);
    assert_true(event->end_ns >= event->start_ns);
    sum->flops += event->flops;
    sum->tokens += event->tokens;
    sum->seconds += (double)(event->end_ns - event->start_ns) * 1e-9;
    sum->events++;
}

static void no_work_is_lost_or_told_twice(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ 0 }, *state);
    for (size_t batch = 1; batch <= 5; batch += 2) {
        work_sum sum = { 0 };
        FR_AUTOPTR(fr_engine) e =
            engine_of(path, (fr_engine_options){
                                .max_batch = batch, .step_tokens = 8, .work = { add_work, &sum } });
        uint64_t ids[N_PROMPTS];
        for (size_t i = 0; i < N_PROMPTS; i++)
            ids[i] = submit(e, request_at(i));
        run(e);
        double flops = 0, seconds = 0;
        uint64_t prompt = 0, generated = 0;
        for (size_t i = 0; i < N_PROMPTS; i++) {
            const fr_completion *c = fr_engine_result(e, ids[i]);
            flops += c->flops;
            seconds += c->prefill_s + c->decode_s;
            prompt += c->prompt_tokens - c->cached_tokens;
            generated += c->completion_tokens;
            assert_true(c->prefill_s > 0);
        }
        assert_true(fabs(flops - sum.flops) <= 1e-9 * sum.flops);
        assert_true(fabs(seconds - sum.seconds) <= 1e-6 * sum.seconds);
        assert_int_equal(sum.prompt_tokens, prompt);
        assert_int_equal(sum.generated_tokens, generated);
        assert_int_equal(sum.tokens, prompt + generated);
        assert_true(sum.events > 10);
    }
    free(path);
}

static void flops_are_those_of_the_rows_that_ran(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ 0 }, *state);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ .max_batch = 1 });
    static const int32_t IDS[] = { 5, 6, 7 };
    uint64_t id = submit(e, (fr_request){ .ids = IDS, .n_ids = 3, .sampling.max_tokens = 2 });
    run(e);
    const fr_shape *s = fr_model_shape(fr_engine_model(e));
    double wanted = fr_shape_flops_per_token(s, 0, false) + fr_shape_flops_per_token(s, 1, false) +
                    fr_shape_flops_per_token(s, 2, true) + fr_shape_flops_per_token(s, 3, true);
    const fr_completion *c = fr_engine_result(e, id);
    assert_int_equal(c->completion_tokens, 2);
    assert_true(fabs(c->flops - wanted) < 1e-9 * wanted);
    free(path);
}

/* ---- text as it comes ------------------------------------------------------------------------ */

static void gather(void *user, fr_str piece)
{
    assert_true(piece.n > 0);
    assert_true(fr_utf8_valid(piece)); /* whole characters only */
    fr_buf_put_str(user, piece);
}

static void streamed_text_is_the_text_in_whole_characters(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .seed = 3 }, *state);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ .max_batch = 4 });
    for (uint64_t seed = 0; seed < 12; seed++) {
        FR_AUTO(fr_buf) seen = { 0 };
        uint64_t id = submit(
            e, (fr_request){ .prompt = FR_STR("go"),
                             .sampling = { .temperature = 1.2, .seed = seed, .max_tokens = 60 },
                             .on_text = gather,
                             .user = &seen });
        run(e);
        assert_string_equal(fr_buf_text(&seen), fr_engine_result(e, id)->text);
        assert_true(fr_utf8_valid(fr_str_of(fr_engine_result(e, id)->text)));
    }
    free(path);
}

/* Any three characters in the middle of a text can be its stop string: the text then ends before
 * their first appearance, and what was streamed never went further. */
static void text_ends_before_a_stop_string_wherever_tokens_end(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .seed = 4 }, *state);
    fr_request r = { .prompt = FR_STR("once"),
                     .sampling = { .temperature = 1, .seed = 11, .max_tokens = 40 } };
    char *whole = text_of(path, (fr_engine_options){ 0 }, r);
    size_t n = strlen(whole);
    assert_true(n > 30);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ 0 });
    size_t tried = 0;
    for (size_t at = 0; at + 3 < n; at++) {
        for (size_t length = 1; length <= 3; length++) {
            if (!fr_utf8_valid((fr_str){ whole + at, length }))
                continue;
            char stop[4] = { 0 };
            memcpy(stop, whole + at, length);
            const char *stops[] = { "never that", stop, "" };
            FR_AUTO(fr_buf) seen = { 0 };
            r.sampling.stop = stops;
            r.sampling.n_stop = 3;
            r.on_text = gather;
            r.user = &seen;
            uint64_t id = submit(e, r);
            run(e);
            const fr_completion *c = fr_engine_result(e, id);
            size_t expected = (size_t)(strstr(whole, stop) - whole);
            assert_int_equal(strlen(c->text), expected);
            assert_memory_equal(c->text, whole, expected);
            assert_string_equal(fr_buf_text(&seen), c->text);
            assert_int_equal(c->finish, FR_FINISH_STOP);
            fr_engine_release(e, id);
            tried++;
        }
    }
    assert_true(tried > 20);
    free(whole);
    free(path);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void completions_end_at_max_tokens_and_at_the_end_of_the_context(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .context = 24, .seed = 5 }, *state);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ .max_batch = 2 });
    static const int32_t IDS[] = { 40, 41, 42, 43 };
    uint64_t few = submit(e, (fr_request){ .ids = IDS, .n_ids = 4, .sampling.max_tokens = 3 });
    uint64_t all = submit(e, (fr_request){ .ids = IDS, .n_ids = 4 });
    run(e);
    const fr_completion *c = fr_engine_result(e, few);
    assert_int_equal(c->finish, FR_FINISH_LENGTH);
    assert_int_equal(c->completion_tokens, 3);
    c = fr_engine_result(e, all);
    if (c->finish == FR_FINISH_LENGTH) /* unless the noise said EOS first */
        assert_int_equal(c->prompt_tokens + c->completion_tokens, 24);
    assert_string_equal(fr_finish_name(FR_FINISH_LENGTH), "length");
    free(path);
}

static void a_largest_length_counts_the_prompt_too(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .context = 24, .seed = 5 }, *state);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ .max_batch = 2 });
    static const int32_t IDS[] = { 40, 41, 42, 43 };
    static const struct {
        size_t max_length, max_tokens, tokens;
    } CASES[] = { { 9, 0, 5 }, { 9, 3, 3 }, { 5, 3, 1 }, { 1000, 2, 2 } };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_logit_bias no_eos = { 0, -INFINITY };
        uint64_t id = submit(e, (fr_request){ .ids = IDS,
                                              .n_ids = 4,
                                              .sampling = { .max_length = CASES[i].max_length,
                                                            .max_tokens = CASES[i].max_tokens,
                                                            .bias = &no_eos,
                                                            .n_bias = 1 } });
        run(e);
        assert_int_equal(fr_engine_result(e, id)->completion_tokens, CASES[i].tokens);
        assert_int_equal(fr_engine_result(e, id)->finish, FR_FINISH_LENGTH);
    }
    fr_err err = { 0 };
    uint64_t id;
    fr_request full = { .ids = IDS, .n_ids = 4, .sampling.max_length = 4 };
    assert_int_equal(fr_engine_submit(e, &full, &id, &err), FR_E_LIMIT);
    assert_non_null(strstr(err.what, "4 tokens, and prompt and answer together may have 4"));
    free(path);
}

/* Before a byte of it is taken: what is needed, what is there, what would fit. */
static void too_little_memory_is_said_with_what_would_fit(void **state)
{
    char *path =
        tiny_model_write(&(tiny_model){ .context = 100000, .dim = 64, .heads = 2 }, *state);
    fr_engine *e = NULL;
    fr_err err = { 0 };
    fr_engine_options o = { .threads = 1, .max_batch = 1, .memory_bytes = 20e6, .step_tokens = 16 };
    o.context = 100000; /* 1,024 bytes a token */
    assert_int_equal(fr_engine_open(path, &o, &e, &err), FR_E_NO_MEMORY);
    assert_non_null(strstr(err.what, "1 sequences of 100000 tokens take 102 MB"));
    size_t fits = 0;
    assert_int_equal(sscanf(err.hint, "A context of %zu tokens would fit", &fits), 1);
    o.context = fits;
    assert_int_equal(fr_engine_open(path, &o, &e, &err), 0);
    fr_engine_free(e);
    e = NULL;
    o.context = 0; /* nobody asked for so long a one */
    assert_int_equal(fr_engine_open(path, &o, &e, &err), 0);
    assert_int_equal(fr_engine_context(e), fits);
    fr_engine_free(e);
    e = NULL;
    o.memory_bytes = 0.1e6;
    assert_int_equal(fr_engine_open(path, &o, &e, &err), FR_E_NO_MEMORY);
    assert_non_null(strstr(err.what, "to run"));
    assert_non_null(strstr(err.hint, "Q4_0"));
    free(path);
}

static void eos_ends_a_completion_and_is_not_part_of_it(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .seed = 6, .sharpness = 0.2f }, *state);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ .max_batch = 8 });
    size_t stopped = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        uint64_t id = submit(e, (fr_request){ .prompt = FR_STR("a"),
                                              .sampling = { .temperature = 1, .seed = seed } });
        run(e);
        const fr_completion *c = fr_engine_result(e, id);
        for (size_t i = 0; i < c->completion_tokens; i++)
            assert_int_not_equal(c->ids[i], 0);
        stopped += c->finish == FR_FINISH_STOP;
        fr_engine_release(e, id);
    }
    assert_in_range(stopped, 3, 40);
    free(path);
}

static void a_prompt_that_does_not_fit_is_refused_with_both_numbers(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .context = 16 }, *state);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ 0 });
    int32_t ids[16] = { 9 };
    uint64_t id = 0;
    fr_err err = { 0 };
    fr_request r = { .ids = ids, .n_ids = 16 };
    assert_int_equal(fr_engine_submit(e, &r, &id, &err), FR_E_LIMIT);
    assert_non_null(strstr(err.what, "16 tokens, the context 16"));
    r.n_ids = 15;
    assert_int_equal(fr_engine_submit(e, &r, &id, &err), 0);
    run(e);
    assert_int_equal(fr_engine_result(e, id)->completion_tokens <= 1, 1);
    free(path);
}

static void an_empty_prompt_needs_a_bos(void **state)
{
    char *with = tiny_model_write(&(tiny_model){ 0 }, *state);
    char *without = tiny_model_write(&(tiny_model){ .no_bos = true }, *state);
    char *text = text_of(with, (fr_engine_options){ 0 }, (fr_request){ .sampling.max_tokens = 4 });
    FR_AUTOPTR(fr_engine) e = engine_of(without, (fr_engine_options){ 0 });
    fr_err err = { 0 };
    uint64_t id = 0;
    fr_request r = { 0 };
    assert_int_equal(fr_engine_submit(e, &r, &id, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "empty"));
    assert_false(fr_engine_busy(e));
    free(text);
    free(with);
    free(without);
}

static void nonsense_is_refused(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ 0 }, *state);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ 0 });
    uint64_t id = 0;
    int32_t beyond = 100000;
    static const fr_sampling WRONG[] = { { .temperature = -1 },
                                         { .temperature = NAN },
                                         { .top_p = 1.5 },
                                         { .min_p = -0.1 },
                                         { .top_k = -1 } };
    for (size_t i = 0; i < FR_COUNT_OF(WRONG); i++) {
        fr_request r = { .prompt = FR_STR("a"), .sampling = WRONG[i] };
        assert_int_equal(fr_engine_submit(e, &r, &id, NULL), FR_E_USAGE);
    }
    fr_request r = { .ids = &beyond, .n_ids = 1 };
    assert_int_equal(fr_engine_submit(e, &r, &id, NULL), FR_E_USAGE);
    assert_null(fr_engine_result(e, 12345));
    fr_engine_cancel(e, 12345);
    fr_engine_release(e, 12345);
    fr_engine *none = NULL;
    assert_int_equal(fr_engine_open("/no/such/model.gguf", NULL, &none, NULL), FR_E_NOT_FOUND);
    free(path);
}

static void a_cancelled_request_keeps_its_text_and_leaves_others_alone(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .seed = 8 }, *state);
    fr_request r = { .prompt = FR_STR("one"),
                     .sampling = { .temperature = 1, .seed = 1, .max_tokens = 30 } };
    char *alone = text_of(path, (fr_engine_options){ 0 }, r);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ .max_batch = 2 });
    uint64_t kept = submit(e, r);
    r.sampling.seed = 2;
    uint64_t gone = submit(e, r), queued = submit(e, r);
    for (int i = 0; i < 6; i++)
        assert_int_equal(fr_engine_step(e, NULL), 0);
    fr_engine_cancel(e, gone);
    fr_engine_cancel(e, queued);
    fr_engine_cancel(e, gone);
    const fr_completion *c = fr_engine_result(e, gone);
    assert_int_equal(c->finish, FR_FINISH_CANCELLED);
    assert_in_range(c->completion_tokens, 1, 6);
    assert_int_equal(fr_engine_result(e, queued)->completion_tokens, 0);
    assert_null(fr_engine_result(e, kept));
    run(e);
    assert_string_equal(fr_engine_result(e, kept)->text, alone);
    free(alone);
    free(path);
}

static fr_engine *cancelling;
static uint64_t to_cancel;
static void cancel_at_once(void *user, fr_str piece)
{
    (void)piece;
    (*(size_t *)user)++;
    fr_engine_cancel(cancelling, to_cancel);
}

static void a_request_may_be_cancelled_from_its_own_text(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .seed = 8 }, *state);
    FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ 0 });
    size_t calls = 0;
    cancelling = e;
    to_cancel = submit(
        e, (fr_request){ .prompt = FR_STR("one"), .on_text = cancel_at_once, .user = &calls });
    run(e);
    assert_int_equal(calls, 1);
    assert_int_equal(fr_engine_result(e, to_cancel)->finish, FR_FINISH_CANCELLED);
    free(path);
}

/* ---- likelihood ------------------------------------------------------------------------------ */

/* From the model's logits, without the engine. */
static double logprob_by_hand(const char *path, const int32_t *ids, size_t n, size_t from)
{
    FR_AUTOPTR(fr_model) m = NULL;
    FR_AUTOPTR(fr_kv) kv = NULL;
    assert_int_equal(fr_model_open(path, &m, NULL), 0);
    assert_int_equal(fr_kv_new(m, 1, n, &kv, NULL), 0);
    size_t n_vocab = fr_model_shape(m)->n_vocab;
    float *logits = FR_NEW_N(float, n *n_vocab);
    fr_row *rows = FR_NEW_N(fr_row, n);
    for (size_t i = 0; i < n; i++)
        rows[i] = (fr_row){ .token = ids[i], .position = (uint32_t)i, .want_logits = true };
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, n, logits, NULL), 0);
    double sum = 0;
    for (size_t i = from; i < n; i++) {
        const float *row = logits + (i - 1) * n_vocab;
        double total = 0;
        for (size_t v = 0; v < n_vocab; v++)
            total += exp((double)row[v]);
        sum += row[ids[i]] - log(total);
    }
    free(logits);
    free(rows);
    return sum;
}

static void scores_are_the_models_likelihoods(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ 0 }, *state);
    FR_AUTOPTR(fr_engine) e =
        engine_of(path, (fr_engine_options){ .max_batch = 3, .step_tokens = 10 });
    fr_scored items[] = {
        { .prompt = FR_STR("the cat sat on the mat and it"), .continuation = FR_STR(" is") },
        { .prompt = FR_STR("the cat sat on the mat and it"), .continuation = FR_STR(" was there") },
        { .prompt = FR_STR("the cat sat on the mat and it"), .continuation = FR_STR(" is") },
        { .prompt = FR_STR(""), .continuation = FR_STR("other") },
    };
    assert_int_equal(fr_engine_score(e, NULL, items, 4, NULL), 0);
    const fr_tokenizer *t = fr_model_tokenizer(fr_engine_model(e));
    for (size_t i = 0; i < 4; i++) {
        FR_AUTO(fr_ids) ids = { 0 };
        fr_tokenizer_encode(t, items[i].prompt, FR_ENCODE_BOS, &ids, NULL);
        size_t from = ids.n;
        fr_tokenizer_encode(t, items[i].continuation, 0, &ids, NULL);
        assert_int_equal(items[i].n_tokens, ids.n - from);
        assert_true(fabs(items[i].logprob - logprob_by_hand(path, ids.at, ids.n, from)) < 1e-4);
    }
    assert_true(items[0].logprob == items[2].logprob);
    assert_false(fr_engine_busy(e));
    fr_scored empty = { .prompt = FR_STR("a"), .continuation = FR_STR("") };
    assert_int_equal(fr_engine_score(e, NULL, &empty, 1, NULL), FR_E_USAGE);
    assert_false(fr_engine_busy(e));
    free(path);
}

static void nll_predicts_each_token_once_whatever_the_window(void **state)
{
    static const char TEXT[] = "the cat sat on the mat and then on the other mat, twice each";
    for (int no_bos = 0; no_bos < 2; no_bos++) {
        char *path = tiny_model_write(&(tiny_model){ .no_bos = no_bos }, *state);
        FR_AUTOPTR(fr_engine) e = engine_of(path, (fr_engine_options){ .max_batch = 4 });
        const fr_tokenizer *t = fr_model_tokenizer(fr_engine_model(e));
        FR_AUTO(fr_ids) ids = { 0 };
        fr_tokenizer_encode(t, fr_str_of(TEXT), FR_ENCODE_BOS, &ids, NULL);
        double nll = 0;
        size_t n = 0;
        assert_int_equal(fr_engine_nll(e, fr_str_of(TEXT), 0, &nll, &n, NULL, NULL), 0);
        assert_int_equal(n, ids.n - 1);
        assert_true(fabs(nll + logprob_by_hand(path, ids.at, ids.n, 1)) < 1e-3);
        for (size_t window = 2; window < 20; window += 5) {
            size_t again = 0;
            double other = 0;
            assert_int_equal(fr_engine_nll(e, fr_str_of(TEXT), window, &other, &again, NULL, NULL),
                             0);
            assert_int_equal(again, n);
            assert_true(isfinite(other) && other > 0);
        }
        assert_int_equal(fr_engine_nll(e, fr_str_of(TEXT), 1, &nll, &n, NULL, NULL), FR_E_USAGE);
        assert_int_equal(fr_engine_nll(e, FR_STR(""), 0, &nll, &n, NULL, NULL), 0);
        assert_int_equal(n, 0);
        free(path);
    }
}

static void a_sentencepiece_model_answers_too(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .spm = true }, *state);
    char *text = text_of(path, (fr_engine_options){ 0 },
                         (fr_request){ .prompt = FR_STR("the 🦙"), .sampling.max_tokens = 10 });
    assert_true(strlen(text) > 0);
    free(text);
    free(path);
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static int make_dir(void **state)
{
    static char dir[] = "/tmp/frugal-engine-XXXXXX";
    *state = mkdtemp(dir);
    return *state == NULL;
}

static int remove_dir(void **state)
{
    for (int i = 0; i < 100; i++) {
        char *path = fr_dup_f("%s/tiny-%d.gguf", (char *)*state, i);
        unlink(path);
        free(path);
    }
    return rmdir(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_does_not_change_with_batch_threads_cache_or_step),
        cmocka_unit_test(nor_does_it_in_any_number_format),
        cmocka_unit_test(nor_does_it_in_any_format_of_keys_and_values),
        cmocka_unit_test(formats_of_keys_and_values_that_cannot_be_are_named),
        cmocka_unit_test(a_second_prompt_computes_only_what_is_new),
        cmocka_unit_test(prompts_asked_together_compute_their_common_prefix_once),
        cmocka_unit_test(no_work_is_lost_or_told_twice),
        cmocka_unit_test(flops_are_those_of_the_rows_that_ran),
        cmocka_unit_test(streamed_text_is_the_text_in_whole_characters),
        cmocka_unit_test(text_ends_before_a_stop_string_wherever_tokens_end),
        cmocka_unit_test(completions_end_at_max_tokens_and_at_the_end_of_the_context),
        cmocka_unit_test(a_largest_length_counts_the_prompt_too),
        cmocka_unit_test(too_little_memory_is_said_with_what_would_fit),
        cmocka_unit_test(eos_ends_a_completion_and_is_not_part_of_it),
        cmocka_unit_test(a_prompt_that_does_not_fit_is_refused_with_both_numbers),
        cmocka_unit_test(an_empty_prompt_needs_a_bos),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_cancelled_request_keeps_its_text_and_leaves_others_alone),
        cmocka_unit_test(a_request_may_be_cancelled_from_its_own_text),
        cmocka_unit_test(scores_are_the_models_likelihoods),
        cmocka_unit_test(nll_predicts_each_token_once_whatever_the_window),
        cmocka_unit_test(a_sentencepiece_model_answers_too),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
