#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture.h"
#include "meter/served.h"
#include "meter/prometheus_text.h"
#include "support/tiny_server.h"

static void parse_file(const char *name, fr_served_counts *out)
{
    FR_AUTO(fr_buf) text = { 0 };
    char *relative = fr_dup_f("engines/%s", name), *path = fixture_path(relative);
    assert_int_equal(fr_file_read(path, 1 << 20, &text, NULL), 0);
    assert_int_equal(fr_served_parse(fr_buf_str(&text), name, out, NULL), 0);
    free(path);
    free(relative);
}

/* The pages of tests/fixtures/engines/make.py and the counts that it wrote there. */
static void each_engine_is_known_by_its_names(void **state)
{
    (void)state;
    static const struct {
        const char *file, *engine, *model;
        size_t n_models;
        double prompt, generated, running;
    } PAGES[] = {
        { "vllm.txt", "vllm", "org/model-a", 1, 1024, 512, 2 },
        { "sglang.txt", "sglang", "m", 1, 8128902, 7557572, 162 }, /* ranks count once */
        { "tgi.txt", "tgi", "", 1, 96, 741, 3 },
        { "llama-server.txt", "llama-server", "", 1, 311, 640, 0 },
        { "ollama.txt", "ollama", "small:1b", 2, 50, 500, NAN },
    };
    for (size_t i = 0; i < FR_COUNT_OF(PAGES); i++) {
        fr_served_counts c;
        parse_file(PAGES[i].file, &c);
        assert_string_equal(c.engine, PAGES[i].engine);
        assert_int_equal(c.n_models, PAGES[i].n_models);
        assert_string_equal(c.models[0].model, PAGES[i].model);
        assert_float_equal(c.models[0].prompt_tokens, PAGES[i].prompt, 0);
        assert_float_equal(c.models[0].generated_tokens, PAGES[i].generated, 0);
        if (isnan(PAGES[i].running))
            assert_true(isnan(c.models[0].running));
        else
            assert_float_equal(c.models[0].running, PAGES[i].running, 0);
    }
}

/* Histograms of TGI are not on its page before the first request: its rest at the beginning is
 * known all the same. */
static void an_engine_that_has_served_nobody_yet_is_known(void **state)
{
    (void)state;
    fr_served_counts c;
    assert_int_equal(fr_served_parse(FR_STR("# TYPE tgi_queue_size gauge\ntgi_queue_size 0\n"
                                            "tgi_batch_current_size 0\n"),
                                     "page", &c, NULL),
                     0);
    assert_string_equal(c.engine, "tgi");
    assert_float_equal(c.models[0].generated_tokens, 0, 0);
    assert_float_equal(c.models[0].running, 0, 0);
}

static void samples_are_read_as_the_format_has_them(void **state)
{
    (void)state;
    static const char TEXT[] = "# HELP a b\n"
                               "a 1\n"
                               "a{x=\"1\"} 2 1395066363000\n"
                               "a { x = \"q\\\"\\\\\\n}\" , } +Inf\n"
                               "a{x=\"no end} 4\n"
                               "a{x=\"1\"}\n"
                               "1a 5\n"
                               "a{x=1} 6\n"
                               "a nonsense\n"
                               "b 7 # {trace=\"t\"} 8\r\n"
                               "c NaN";
    fr_prometheus_text in = { .rest = FR_STR(TEXT) };
    fr_prometheus_sample s;
    char label[16];
    assert_true(fr_prometheus_next(&in, &s) && s.value == 1 && s.labels.n == 0);
    assert_true(fr_prometheus_next(&in, &s) && s.value == 2);
    assert_true(fr_prometheus_label(s.labels, "x", label, sizeof label));
    assert_string_equal(label, "1");
    assert_false(fr_prometheus_label(s.labels, "y", label, sizeof label));
    assert_true(fr_prometheus_next(&in, &s) && isinf(s.value));
    assert_true(fr_prometheus_label(s.labels, "x", label, sizeof label));
    assert_string_equal(label, "q\"\\\n}");
    assert_true(fr_prometheus_next(&in, &s) && s.value == 7);
    assert_true(fr_str_is(s.name, "b"));
    assert_true(fr_prometheus_next(&in, &s) && isnan(s.value));
    assert_false(fr_prometheus_next(&in, &s));
    assert_int_equal(in.n_wrong, 5);
}

static void a_page_of_something_else_says_what_it_should_be(void **state)
{
    (void)state;
    fr_served_counts c;
    fr_err err = { 0 };
    static const char *const PAGES[] = { "", "go_goroutines 7\n", "{\"error\": \"no metrics\"}",
                                         "<html>\n", "vllm:generation_tokens_total" };
    for (size_t i = 0; i < FR_COUNT_OF(PAGES); i++)
        assert_int_equal(fr_served_parse(fr_str_of(PAGES[i]), "x", &c, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.hint, "--metrics"));
}

static void more_models_than_there_is_room_for_are_added_up(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) text = { 0 };
    for (int i = 0; i < 20; i++)
        fr_buf_put_f(&text, "vllm:generation_tokens_total{model_name=\"m%d\"} 10\n", i);
    fr_served_counts c;
    assert_int_equal(fr_served_parse(fr_buf_str(&text), "x", &c, NULL), 0);
    assert_int_equal(c.n_models, FR_SERVED_MODELS);
    double sum = 0;
    for (size_t i = 0; i < c.n_models; i++)
        sum += c.models[i].generated_tokens;
    assert_float_equal(sum, 200, 0);
}

static void answer(void *user, const tiny_request *r, fr_buf *out)
{
    (void)user;
    bool is_page = strncmp(r->head, "GET /metrics ", 13) == 0;
    tiny_answer(out, is_page ? 200 : 404, "", is_page ? "llamacpp:tokens_predicted_total 9\n" : "");
}

static void the_page_is_found_by_the_engines_address(void **state)
{
    (void)state;
    tiny_server server;
    assert_int_equal(tiny_server_start(&server, answer, NULL), 0);
    fr_served *e = NULL;
    fr_served_counts c;
    fr_err err = { 0 };
    assert_int_equal(fr_served_open(server.url, &e, NULL), 0);
    assert_int_equal(fr_served_read(e, &c, NULL), 0);
    assert_float_equal(c.models[0].generated_tokens, 9, 0);
    fr_served_close(e);
    char *other = fr_dup_f("%s/other", server.url);
    assert_int_equal(fr_served_open(other, &e, NULL), 0);
    assert_int_equal(fr_served_read(e, &c, &err), FR_E_NETWORK);
    fr_served_close(e);
    free(other);
    tiny_server_stop(&server);
    assert_int_equal(fr_served_open("localhost:8000", &e, &err), FR_E_USAGE);
}

int main(void)
{
    setenv("NO_PROXY", "127.0.0.1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_engine_is_known_by_its_names),
        cmocka_unit_test(an_engine_that_has_served_nobody_yet_is_known),
        cmocka_unit_test(samples_are_read_as_the_format_has_them),
        cmocka_unit_test(a_page_of_something_else_says_what_it_should_be),
        cmocka_unit_test(more_models_than_there_is_room_for_are_added_up),
        cmocka_unit_test(the_page_is_found_by_the_engines_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
