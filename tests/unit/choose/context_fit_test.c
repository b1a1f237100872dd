/* The context that rows need, and the memory that its keys and values really take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "adapt/work_folder.h"
#include "support/tiny_model.h"

#include "choose/context_fit.h"
#include "infer/engine.h"

/* In the byte-level vocabulary a digit is a token: lengths can be counted by hand. */
static void quantiles_and_contexts_are_those_of_the_rows(void **state)
{
    (void)state;
    char *dir = work_folder_new();
    char *model = tiny_model_write(&(tiny_model){ .layers = 3, .context = 512 }, dir);
    FR_AUTO(fr_buf) rows = { 0 };
    for (size_t i = 1; i <= 200; i++)
        fr_buf_put_f(&rows, "{\"input\": \"%0*d\", \"output\": \"%0*d\"}\n", (int)i, 0,
                     (int)(i % 10 + 1), 0);
    put_file(dir, "rows.jsonl", fr_buf_text(&rows));
    char *data = fr_path_join(dir, "rows.jsonl");
    fr_context_fit fit;
    fr_err err = { 0 };
    if (fr_context_fit_of_data(model, data, &fit, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(fit.n_rows, 200);
    assert_int_equal(fit.p50_tokens, 100 + 1); /* and BOS */
    assert_int_equal(fit.p95_tokens, 190 + 1);
    assert_int_equal(fit.p99_tokens, 198 + 1);
    assert_int_equal(fit.max_tokens, 200 + 1);
    assert_int_equal(fit.output_tokens, 10 + 5 + 8);
    assert_int_equal(fit.all_tokens, 201 + 23 + 4);
    assert_int_equal(fit.most_tokens, 199 + 23 + 4);
    assert_int_equal(fit.model_tokens, 512);
    assert_int_equal(fit.kv_token_bytes, 2 * 3 * 16 * 4); /* two heads of 8, F32 */
    free(data);
    free(model);
    work_folder_free(dir);
}

static size_t rss_bytes(void)
{
    FR_AUTO(fr_buf) text = { 0 };
    size_t at = 0;
    long kib = 0;
    if (fr_file_read("/proc/self/status", 1 << 16, &text, NULL) != 0 ||
        !fr_str_find(fr_buf_str(&text), FR_STR("VmRSS:"), &at) ||
        sscanf(fr_buf_text(&text) + at, "VmRSS: %ld kB", &kib) != 1)
        abort();
    return (size_t)kib * 1024;
}

static void run_prompt(fr_engine *engine, size_t n)
{
    int32_t *ids = FR_NEW_N(int32_t, n);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(2 + i * 7 % 256);
    uint64_t id = 0;
    fr_request request = { .ids = ids, .n_ids = n, .sampling = { .max_tokens = 1 } };
    assert_int_equal(fr_engine_submit(engine, &request, &id, NULL), 0);
    while (fr_engine_busy(engine))
        assert_int_equal(fr_engine_step(engine, NULL), 0);
    fr_engine_release(engine, id);
    free(ids);
}

/* Memory grows with the positions that are written, by the bytes of the formula. */
static void resident_memory_rises_by_the_bytes_of_the_formula(void **state)
{
    (void)state;
    enum { CONTEXT = 1536, SHORT = 300 };
    if (getenv("FRUGAL_TEST_SMALL") != NULL) {
        print_message("skipped: sanitizers keep memory of their own\n");
        skip();
    }
    char *dir = work_folder_new();
    char *path = tiny_model_write(
        &(tiny_model){
            .layers = 4, .dim = 128, .heads = 4, .kv_heads = 4, .ffn = 32, .context = CONTEXT },
        dir);
    FR_AUTOPTR(fr_model) model = NULL;
    FR_AUTOPTR(fr_engine) engine = NULL;
    assert_int_equal(fr_model_open(path, &model, NULL), 0);
    assert_int_equal(fr_engine_new(model,
                                   &(fr_engine_options){ .threads = 1,
                                                         .context = CONTEXT,
                                                         .max_batch = 1,
                                                         .no_prefix_cache = true },
                                   &engine, NULL),
                     0);
    run_prompt(engine, SHORT); /* what a step needs is there from here */
    size_t before = rss_bytes();
    run_prompt(engine, CONTEXT - 2);
    double rise = (double)(rss_bytes() - before);
    double want = (double)fr_shape_kv_bytes_per_token(fr_model_shape(model)) * (CONTEXT - SHORT);
    if (rise < 0.9 * want || rise > 1.1 * want + 600e3)
        fail_msg("%.0f bytes more, by the formula %.0f", rise, want);
    free(path);
    work_folder_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_and_contexts_are_those_of_the_rows),
        cmocka_unit_test(resident_memory_rises_by_the_bytes_of_the_formula),
    };
    return cmocka_run_group_tests_name("context_fit", tests, NULL, NULL);
}
