#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "report/report.h"

static json_t *verdict_of(const char *name)
{
    char *path = fixture_path(name);
    json_t *verdict = json_load_file(path, 0, NULL);
    assert_non_null(verdict);
    free(path);
    return verdict;
}

static char *page_of(const json_t *verdict, fr_ledger *ledger)
{
    fr_buf page = { 0 };
    fr_err err = { 0 };
    if (fr_report_html(&verdict, 1, ledger, &page, &err) != 0)
        fail_msg("%s", err.what);
    return fr_buf_take(&page);
}

static void assert_holds(const char *page, const char *text)
{
    if (strstr(page, text) == NULL)
        fail_msg("the page does not say: %s", text);
}

static void assert_lacks(const char *page, const char *text)
{
    const char *at = strcasestr(page, text);
    if (at != NULL)
        fail_msg("the page says: %.120s", at);
}

static void the_page_says_which_rung_is_enough_and_how_sure_that_is(void **state)
{
    (void)state;
    json_t *verdict = verdict_of("report/questions.json");
    char *page = page_of(verdict, NULL);
    assert_holds(page, "<em>lora</em> is enough.");
    assert_holds(page, "0.690 (95% interval 0.625 to 0.750, 200 rows); the target is 0.6.");
    assert_holds(page, "12\xe2\x80\xaf"
                       "850</b> requests (from rag to lora)");
    assert_holds(page, "Demonstration model: the order of rungs holds for this model only.");
    assert_holds(page, "stopped at its budget of 60 s; it was still learning");
    assert_holds(page, "energy is modelled here, not counted (grade B)");
    assert_lacks(page, "less energy");
    free(page);
    json_decref(verdict);
}

static void a_verdict_without_a_winner_says_so_and_names_the_nearest(void **state)
{
    (void)state;
    json_t *verdict = verdict_of("report/questions.json");
    json_object_set_new(verdict, "chosen", json_null());
    json_object_set_new(verdict, "target", json_real(0.7));
    char *page = page_of(verdict, NULL);
    assert_holds(page, "No rung met the target.");
    assert_holds(page, "The nearest is rag with exact-match 0.710");
    assert_holds(page, "the lower end of the interval must reach it");
    free(page);
    json_decref(verdict);
}

static void nothing_that_somebody_else_wrote_becomes_markup(void **state)
{
    (void)state;
    json_t *verdict = verdict_of("report/hostile.json");
    char *page = page_of(verdict, NULL);
    assert_lacks(page, "<script");
    assert_lacks(page, "alert(1)\"");
    assert_holds(page, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;--&gt;]]&gt;");
    assert_lacks(page, "\xe2\x80\xae"); /* right-to-left override */
    free(page);
    json_decref(verdict);
}

/* Words and attributes where a number that is none would show. */
static void no_figure_is_ever_nan_or_infinite(void **state)
{
    (void)state;
    static const char *const FIXTURES[] = { "report/questions.json", "report/hostile.json" };
    static const char *const SIGNS[] = { "\"nan", " nan",     "-nan",   "\"inf", " inf ",
                                         "-inf",  ",nan",     "Mnan",   "Lnan",  "Hnan",
                                         "Vnan",  "infinity", "\"-nan", ">nan<", ">inf<" };
    for (size_t i = 0; i < FR_COUNT_OF(FIXTURES); i++) {
        json_t *verdict = verdict_of(FIXTURES[i]);
        char *page = page_of(verdict, NULL);
        for (size_t s = 0; s < FR_COUNT_OF(SIGNS); s++)
            assert_lacks(page, SIGNS[s]);
        free(page);
        json_decref(verdict);
    }
}

/* Each key in turn is missing, null, a text, a list and far too large. */
static void any_key_may_be_missing_or_of_another_type(void **state)
{
    (void)state;
    json_t *verdict = verdict_of("report/questions.json");
    json_t *rung = json_array_get(json_object_get(verdict, "rungs"), 6); /* the chosen one */
    json_t *places[] = { verdict, rung, json_object_get(rung, "energy_j"),
                         json_object_get(rung, "quality"), json_object_get(verdict, "horizon") };
    json_t *others[] = { NULL, json_null(), json_string("x"), json_array(), json_real(1e300) };
    for (size_t p = 0; p < FR_COUNT_OF(places); p++) {
        json_t *keys = json_deep_copy(places[p]);
        const char *key;
        json_t *value;
        json_object_foreach(keys, key, value)
        {
            json_t *kept = json_incref(json_object_get(places[p], key));
            for (size_t o = 0; o < FR_COUNT_OF(others); o++) {
                if (others[o] == NULL)
                    json_object_del(places[p], key);
                else
                    json_object_set(places[p], key, others[o]);
                char *page = page_of(verdict, NULL);
                FR_AUTO(fr_buf) text = { 0 };
                fr_report_table(verdict, 80, true, &text);
                fr_report_plot(verdict, 80, 16, &text);
                assert_lacks(page, "\"nan");
                assert_lacks(page, "-nan");
                assert_lacks(page, ">inf");
                assert_lacks(fr_buf_text(&text), "nan");
                free(page);
            }
            json_object_set_new(places[p], key, kept);
        }
        json_decref(keys);
    }
    for (size_t o = 1; o < FR_COUNT_OF(others); o++)
        json_decref(others[o]);
    json_decref(verdict);
}

static void the_page_asks_nobody_for_anything(void **state)
{
    (void)state;
    json_t *verdict = verdict_of("report/questions.json");
    char *page = page_of(verdict, NULL);
    assert_lacks(page, "src=");
    assert_lacks(page, "url(");
    assert_lacks(page, "@import");
    assert_lacks(page, "http:");
    assert_lacks(page, "https:");
    assert_lacks(page, "<script");
    free(page);
    json_decref(verdict);
}

static void a_page_of_the_ledger_shows_phases_devices_and_what_is_in_no_phase(void **state)
{
    (void)state;
    fr_ledger *l = NULL;
    fr_err err = { 0 };
    const int64_t S = 1000000000;
    assert_int_equal(fr_ledger_open(":memory:", &l, &err), 0);
    fr_run_record top = { .kind = "adapt", .name = "valley-questions", .start_unix_ns = 1000 * S };
    assert_int_equal(fr_ledger_begin(l, &top, &err), 0);
    fr_run_record rung = {
        .kind = "rung", .name = "<lora>", .phase = true, .start_unix_ns = 1010 * S
    };
    memcpy(rung.parent, top.id, sizeof(top.id));
    assert_int_equal(fr_ledger_begin(l, &rung, &err), 0);
    fr_bucket b = { .device = "package-0",
                    .kind = "cpu",
                    .part = "active",
                    .source = "a counter",
                    .start_unix_ns = 1010 * S,
                    .end_unix_ns = 1020 * S,
                    .energy_uj = 40000000,
                    .low_uj = 40000000,
                    .high_uj = 40000000,
                    .method = FR_METHOD_MEASURED };
    assert_int_equal(fr_ledger_add(l, rung.id, &b, 1, &err), 0);
    b.start_unix_ns = 1000 * S;
    b.end_unix_ns = 1010 * S;
    b.energy_uj = b.low_uj = b.high_uj = 2000000;
    assert_int_equal(fr_ledger_add(l, top.id, &b, 1, &err), 0);
    rung.status = top.status = "done";
    rung.end_unix_ns = top.end_unix_ns = 1020 * S;
    assert_int_equal(fr_ledger_end(l, &rung, &err), 0);
    assert_int_equal(fr_ledger_end(l, &top, &err), 0);

    json_t *verdict = verdict_of("report/questions.json");
    json_object_set_new(verdict, "run", json_string(top.id));
    char *page = page_of(verdict, l);
    assert_holds(page, "<span>&lt;lora&gt;</span><b>40.0\xe2\x80\xaf"
                       "J</b>");
    assert_holds(page, "<span>in no phase</span><b>2.00\xe2\x80\xaf"
                       "J</b>");
    assert_holds(page, "a counter");
    free(page);
    FR_AUTO(fr_buf) overview = { 0 };
    assert_int_equal(fr_report_html(NULL, 0, l, &overview, &err), 0);
    assert_holds(fr_buf_text(&overview), "11.7\xe2\x80\xafmWh in 1 run."); /* 42 J */
    json_decref(verdict);
    fr_ledger_close(l);
}

/* Whole seconds and minutes alone would write "0 s, 0 s, 1 s", and "2 min, 2 min". */
static void the_time_of_a_short_climb_has_parts_of_seconds_and_minutes(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *tick;
    } CLIMBS[] = { { 1200, ">0.4 s<" }, { 150000, ">2.5 min<" } };
    for (size_t i = 0; i < FR_COUNT_OF(CLIMBS); i++) {
        fr_ledger *l = NULL;
        fr_err err = { 0 };
        assert_int_equal(fr_ledger_open(":memory:", &l, &err), 0);
        fr_run_record run = { .kind = "adapt", .name = "short", .start_unix_ns = 1000000000000 };
        assert_int_equal(fr_ledger_begin(l, &run, &err), 0);
        run.status = "done";
        run.end_unix_ns = run.start_unix_ns + CLIMBS[i].ms * 1000000;
        fr_bucket b = { .device = "package-0",
                        .kind = "cpu",
                        .part = "active",
                        .source = "a counter",
                        .start_unix_ns = run.start_unix_ns,
                        .end_unix_ns = run.end_unix_ns,
                        .energy_uj = 2000000,
                        .low_uj = 2000000,
                        .high_uj = 2000000,
                        .method = FR_METHOD_MEASURED };
        assert_int_equal(fr_ledger_add(l, run.id, &b, 1, &err), 0);
        assert_int_equal(fr_ledger_end(l, &run, &err), 0);
        json_t *verdict = verdict_of("report/questions.json");
        json_object_set_new(verdict, "run", json_string(run.id));
        char *page = page_of(verdict, l);
        assert_holds(page, CLIMBS[i].tick);
        free(page);
        json_decref(verdict);
        fr_ledger_close(l);
    }
}

static void an_empty_ledger_makes_a_page_that_says_what_to_do(void **state)
{
    (void)state;
    fr_ledger *l = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_ledger_open(":memory:", &l, &err), 0);
    for (int with = 0; with <= 1; with++) {
        FR_AUTO(fr_buf) page = { 0 };
        assert_int_equal(fr_report_html(NULL, 0, with ? l : NULL, &page, &err), 0);
        assert_holds(fr_buf_text(&page), "frugal meter -- COMMAND");
    }
    fr_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_says_which_rung_is_enough_and_how_sure_that_is),
        cmocka_unit_test(a_verdict_without_a_winner_says_so_and_names_the_nearest),
        cmocka_unit_test(nothing_that_somebody_else_wrote_becomes_markup),
        cmocka_unit_test(no_figure_is_ever_nan_or_infinite),
        cmocka_unit_test(any_key_may_be_missing_or_of_another_type),
        cmocka_unit_test(the_page_asks_nobody_for_anything),
        cmocka_unit_test(a_page_of_the_ledger_shows_phases_devices_and_what_is_in_no_phase),
        cmocka_unit_test(the_time_of_a_short_climb_has_parts_of_seconds_and_minutes),
        cmocka_unit_test(an_empty_ledger_makes_a_page_that_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
