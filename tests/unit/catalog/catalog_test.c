/* The catalogue: the order of choice, merging, the user's file, and bytes by formula. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fixture.h"

#include <math.h>
#include <unistd.h>

#include "catalog/catalog.h"
#include "support/tiny_model.h"
#include "tables/tables.h"

static void put(fr_catalog *c, const char *name, double params, const char *language,
                const char *domain)
{
    fr_catalog_entry e;
    fr_catalog_entry_init(&e, name);
    e.params = params;
    if (language != NULL)
        fr_words_put(&e.languages, fr_str_of(language));
    if (domain != NULL)
        fr_words_put(&e.domains, fr_str_of(domain));
    fr_catalog_put(c, &e);
}

static void language_and_domain_come_before_size(void **state)
{
    (void)state;
    FR_AUTO(fr_catalog) c = { 0 };
    put(&c, "english", 1e6, "en", "code");
    put(&c, "silent", 2e6, NULL, "code");
    put(&c, "many", 3e6, "+27", "code");
    put(&c, "german-large", 9e9, "de", "code");
    put(&c, "german-small", 8e9, "German", "code");
    put(&c, "german-general", 1e6, "de", "general");
    put(&c, "german-unsized", NAN, "de", "code");
    put(&c, "german-math", 1e6, "de", "math");
    fr_catalog_choose(&c, &(fr_catalog_wish){ .language = "de", .domain = "code" });
    static const char *const WANT[] = { "german-small",   "german-large", "german-unsized",
                                        "german-general", "many",         "silent" };
    assert_int_equal(c.n, FR_COUNT_OF(WANT));
    for (size_t i = 0; i < c.n; i++)
        assert_string_equal(c.at[i].name, WANT[i]);
}

static void what_is_asked_for_and_not_stated_fits_only_on_request(void **state)
{
    (void)state;
    for (int unknown = 0; unknown < 2; unknown++) {
        FR_AUTO(fr_catalog) c = { 0 };
        put(&c, "large", 4e9, NULL, NULL);
        put(&c, "small", 2e9, NULL, NULL);
        put(&c, "unsized", NAN, NULL, NULL);
        fr_catalog_choose(&c,
                          &(fr_catalog_wish){ .params_most = 3e9, .with_unknown = unknown != 0 });
        assert_int_equal(c.n, unknown != 0 ? 2 : 1);
        assert_string_equal(c.at[0].name, "small");
    }
}

static void a_later_source_replaces_what_it_states_and_nothing_else(void **state)
{
    (void)state;
    FR_AUTO(fr_catalog) c = { 0 };
    fr_catalog_entry a, b;
    fr_catalog_entry_init(&a, "org/Kit");
    a.license = fr_dup("mit");
    a.params = 1e9;
    fr_words_put(&a.languages, FR_STR("en"));
    fr_catalog_entry_put_score(&a, "MMLU", NULL, 50, "2025", "x");
    fr_catalog_entry_init(&b, "kit");
    b.context = 4096;
    fr_words_put(&b.languages, FR_STR("de"));
    fr_catalog_entry_put_score(&b, "MMLU", NULL, 51, "2026", "x");
    fr_catalog_entry_put_score(&b, "MMLU", NULL, 60, "2026", "y");
    fr_catalog_put(&c, &a);
    fr_catalog_put(&c, &b);
    assert_int_equal(c.n, 1);
    assert_string_equal(c.at[0].license, "mit");
    assert_true(c.at[0].params == 1e9 && c.at[0].context == 4096);
    assert_string_equal(c.at[0].languages.at[0], "de");
    assert_int_equal(c.at[0].n_scores, 2);
    assert_true(c.at[0].scores[0].value == 51 && c.at[0].scores[1].value == 60);
}

static void the_users_file_comes_back_as_it_was_written(void **state)
{
    (void)state;
    char path[] = "/tmp/frugal-catalog-XXXXXX";
    close(mkstemp(path));
    unlink(path);
    FR_AUTO(fr_catalog) c = { 0 }, again = { 0 };
    put(&c, "zebra", 3.5e9, "de", "code");
    put(&c, "Ant", NAN, NULL, NULL);
    fr_catalog_entry_put_score(&c.at[0], "ARC", "acc", 0.125, "2026-01-01", "b.csv");
    assert_int_equal(fr_catalog_write(&c, path, NULL), 0);
    FR_AUTO(fr_buf) first = { 0 };
    FR_AUTO(fr_buf) second = { 0 };
    assert_int_equal(fr_file_read(path, 1 << 20, &first, NULL), 0);
    assert_int_equal(fr_catalog_read(&again, path, NULL), 0);
    assert_string_equal(again.at[0].name, "Ant"); /* sorted, case aside */
    assert_int_equal(fr_catalog_write(&again, path, NULL), 0);
    assert_int_equal(fr_file_read(path, 1 << 20, &second, NULL), 0);
    assert_string_equal(fr_buf_text(&first), fr_buf_text(&second));
    unlink(path);
}

/* Each row of the compiled table: a year, a source, a size that the shape agrees with. */
static void the_table_states_sizes_that_its_shapes_give(void **state)
{
    (void)state;
    const fr_table *t = fr_table_find("models");
    size_t n = fr_table_n_rows(t);
    assert_true(n >= 80);
    for (size_t r = 0; r < n; r++) {
        const char *name = fr_table_text(t, r, 0);
        double params = NAN, layers = NAN, width = NAN, vocabulary = NAN, year = NAN;
        assert_true(fr_table_f64(t, r, fr_table_column(t, "params_m"), &params));
        assert_true(fr_table_f64(t, r, fr_table_column(t, "layers"), &layers));
        assert_true(fr_table_f64(t, r, fr_table_column(t, "width"), &width));
        assert_true(fr_table_f64(t, r, fr_table_column(t, "vocabulary"), &vocabulary));
        assert_true(fr_table_f64(t, r, fr_table_column(t, "year"), &year) && year >= 2018);
        assert_true(fr_table_text(t, r, fr_table_column(t, "source"))[0] != '\0');
        double least = (vocabulary * width + 2 * layers * width * width) / 1e6;
        if (params < 0.7 * least)
            fail_msg("%s: %g million parameters, its shape has %g at least", name, params, least);
    }
}

/* Keys and values of the table are twice layers, heads of keys, their width, in F16; those of a
 * file are what its state reserves. */
static void keys_and_values_are_counted_exactly(void **state)
{
    (void)state;
    FR_AUTO(fr_catalog) c = { 0 };
    fr_catalog_put_table(&c);
    const fr_catalog_entry *llama = fr_catalog_find(&c, "Llama-3.2-1B");
    assert_true(fr_catalog_kv_bytes(llama, 4096) == 2.0 * 16 * 8 * 64 * 2 * 4096);
    assert_true(fr_catalog_weight_bytes(llama, "Q8_0") == llama->params * 34 / 32);

    char dir[] = "/tmp/frugal-catalog-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = tiny_model_write(&(tiny_model){ .layers = 3, .context = 96 }, dir);
    assert_int_equal(fr_catalog_put_file(&c, path, NULL), 0);
    const fr_catalog_entry *file = &c.at[c.n - 1];
    FR_AUTOPTR(fr_model) model = NULL;
    FR_AUTOPTR(fr_kv) kv = NULL;
    assert_int_equal(fr_model_open(path, &model, NULL), 0);
    assert_int_equal(fr_kv_new(model, 1, 96, &kv, NULL), 0);
    assert_true(fr_catalog_kv_bytes(file, 96) == (double)fr_kv_bytes(kv));
    assert_true(file->params == (double)fr_model_n_params(model));
    assert_true(file->weight_bytes == (double)fr_model_weight_bytes(model));
    assert_true(file->context == 96);
    unlink(path);
    rmdir(dir);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(language_and_domain_come_before_size),
        cmocka_unit_test(what_is_asked_for_and_not_stated_fits_only_on_request),
        cmocka_unit_test(a_later_source_replaces_what_it_states_and_nothing_else),
        cmocka_unit_test(the_users_file_comes_back_as_it_was_written),
        cmocka_unit_test(the_table_states_sizes_that_its_shapes_give),
        cmocka_unit_test(keys_and_values_are_counted_exactly),
    };
    return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
