/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <string.h>

#include <frugal/engine.h>

#define MODEL FR_SOURCE_DIR "/tests/fixtures/models/random.gguf"

static fr_llm *opened(void)
{
    fr_llm *llm = NULL;
    fr_err err = { 0 };
    fr_llm_options options = { .size = sizeof(options), .threads = 1 };
    if (fr_llm_open(MODEL, &options, &llm, &err) != 0)
        fail_msg("%s", err.what);
    return llm;
}

static void the_same_prompt_again_costs_less_and_says_the_same(void **state)
{
    (void)state;
    fr_llm *llm = opened();
    fr_llm_result first, second;
    fr_llm_generation how = { .size = sizeof(how), .max_tokens = 9, .temperature = 1, .seed = 3 };
    assert_int_equal(fr_llm_generate(llm, "a longer prompt", &how, &first, NULL), 0);
    assert_int_equal(fr_llm_generate(llm, "a longer prompt", &how, &second, NULL), 0);
    assert_string_equal(first.text, second.text);
    assert_int_equal(second.cached_tokens, second.prompt_tokens - 1);
    assert_true(second.flops < first.flops);
    fr_llm_result_clear(&first);
    fr_llm_result_clear(&second);
    fr_llm_free(llm);
}

static int stop_at_once(void *user, const char *text, size_t bytes)
{
    (void)text;
    assert_true(bytes > 0);
    return ++*(int *)user;
}

static void a_callback_can_stop_it(void **state)
{
    (void)state;
    fr_llm *llm = opened();
    fr_llm_result r;
    int calls = 0;
    fr_llm_generation how = { .size = sizeof(how), .on_text = stop_at_once, .user = &calls };
    assert_int_equal(fr_llm_generate(llm, "x", &how, &r, NULL), 0);
    assert_string_equal(r.finish_reason, "cancelled");
    assert_int_equal(calls, 1);
    fr_llm_result_clear(&r);
    fr_llm_free(llm);
}

static void options_of_an_older_header_are_read_as_far_as_they_go(void **state)
{
    (void)state;
    fr_llm *llm = NULL;
    fr_llm_options old = { .size = offsetof(fr_llm_options, work), .threads = 1, .context = 32 };
    old.work.fn = (fr_work_fn)(uintptr_t)1; /* beyond its size: must not be looked at */
    assert_int_equal(fr_llm_open(MODEL, &old, &llm, NULL), 0);
    assert_int_equal(fr_llm_context(llm), 32);
    fr_llm_result r;
    fr_llm_generation none = { 0 };
    fr_err err = { 0 };
    assert_int_equal(fr_llm_generate(llm, "x", &none, &r, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "size"));
    assert_null(r.text);
    fr_llm_free(llm);
}

static void text_goes_to_ids_and_back(void **state)
{
    (void)state;
    fr_llm *llm = opened();
    int32_t *ids = NULL;
    char *text = NULL;
    size_t n = 0, bytes = 0;
    assert_int_equal(fr_llm_tokenize(llm, "the \xC3\xA9\0z", 8, 1, &ids, &n, NULL), 0);
    assert_int_equal(fr_llm_detokenize(llm, ids, n, &text, &bytes, NULL), 0);
    assert_int_equal(bytes, 8);
    assert_memory_equal(text, "the \xC3\xA9\0z", 8);
    free(ids);
    free(text);
    assert_int_equal(fr_llm_tokenize(llm, "", 0, 1, &ids, &n, NULL), 0);
    assert_int_equal(n, 0);
    free(ids);
    assert_int_equal(fr_llm_n_vocab(llm), 276);
    assert_string_equal(fr_llm_name(llm), "tiny random");
    fr_llm_free(llm);
    fr_llm_free(NULL);
}

static void what_cannot_be_opened_gives_an_error(void **state)
{
    (void)state;
    fr_llm *llm = NULL;
    assert_int_equal(fr_llm_open("nowhere.gguf", NULL, &llm, NULL), FR_E_NOT_FOUND);
    assert_int_equal(fr_llm_open(NULL, NULL, &llm, NULL), FR_E_USAGE);
    assert_null(llm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_prompt_again_costs_less_and_says_the_same),
        cmocka_unit_test(a_callback_can_stop_it),
        cmocka_unit_test(options_of_an_older_header_are_read_as_far_as_they_go),
        cmocka_unit_test(text_goes_to_ids_and_back),
        cmocka_unit_test(what_cannot_be_opened_gives_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
