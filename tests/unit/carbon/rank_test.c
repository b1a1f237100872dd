#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "carbon/carbon.h"
#include "tables/tables.h"

static void the_order_is_that_of_brute_force(void **state)
{
    (void)state;
    const fr_table *regions = fr_table_find("regions"), *grid = fr_table_find("grid");
    fr_region *ranked;
    size_t n, row;
    assert_int_equal(fr_regions_rank(NULL, &ranked, &n, NULL), 0);
    assert_int_equal(n, fr_table_n_rows(regions)); /* every region has a figure of this basis */
    for (size_t i = 0; i < n; i++) {
        double g;
        assert_true(fr_table_lookup(grid, "zone", ranked[i].zone, &row));
        assert_true(fr_table_f64(grid, row, fr_table_column(grid, "intensity_g_per_kwh"), &g));
        assert_true(g == ranked[i].intensity_g_per_kwh);
        for (size_t k = i + 1; k < n; k++)
            assert_true(ranked[k].intensity_g_per_kwh >= g);
    }
    free(ranked);
}

static void one_basis_and_one_year_all_through(void **state)
{
    (void)state;
    static const char *const BASES[] = { NULL, "consumption", "generation" };
    for (size_t b = 0; b < 3; b++) {
        fr_region *ranked;
        size_t n;
        fr_region_query query = { .basis = BASES[b] };
        assert_int_equal(fr_regions_rank(&query, &ranked, &n, NULL), 0);
        assert_true(n > 100);
        for (size_t i = 1; i < n; i++) {
            assert_string_equal(ranked[i].basis, ranked[0].basis);
            assert_int_equal(ranked[i].year, ranked[0].year);
        }
        free(ranked);
    }
}

/* No 2024 figure: named and last, not filled from another year. */
static void what_has_no_figure_of_the_year_is_left_out_by_name(void **state)
{
    (void)state;
    fr_region *ranked;
    size_t n, left_out = 0;
    fr_region_query query = { .basis = "generation", .with_left_out = true };
    assert_int_equal(fr_regions_rank(&query, &ranked, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        left_out += ranked[i].left_out != NULL;
        assert_true((left_out > 0) == (ranked[i].left_out != NULL));
    }
    assert_true(left_out > 0);
    free(ranked);
}

/* Paris to Frankfurt is 479 km, to Stockholm 1,546 km (great circle, by an atlas). */
static void distance_bounds_and_is_told(void **state)
{
    (void)state;
    fr_region *ranked;
    size_t n;
    fr_region_query query = {
        .provider = "aws", .near = true, .lat = 48.8566, .lon = 2.3522, .max_km = 600
    };
    assert_int_equal(fr_regions_rank(&query, &ranked, &n, NULL), 0);
    bool frankfurt = false;
    for (size_t i = 0; i < n; i++) {
        assert_true(ranked[i].distance_km <= 600);
        assert_string_not_equal(ranked[i].code, "eu-north-1");
        if (strcmp(ranked[i].code, "eu-central-1") == 0) {
            frankfurt = true;
            assert_true(fabs(ranked[i].distance_km - 479) < 10);
        }
    }
    assert_true(frankfurt);
    free(ranked);
}

static void within_takes_codes_of_two_or_three_letters_and_nothing_else_comes(void **state)
{
    (void)state;
    fr_region *ranked;
    size_t n;
    fr_region_query query = { .within = "DEU, fr" };
    assert_int_equal(fr_regions_rank(&query, &ranked, &n, NULL), 0);
    assert_true(n >= 8);
    for (size_t i = 0; i < n; i++)
        assert_true(strcmp(ranked[i].country, "DE") == 0 || strcmp(ranked[i].country, "FR") == 0);
    free(ranked);
    query = (fr_region_query){ .within = "IS" }; /* a country without regions */
    assert_int_equal(fr_regions_rank(&query, &ranked, &n, NULL), 0);
    assert_int_equal(n, 0);
    free(ranked);
}

static void claims_change_no_rank(void **state)
{
    (void)state;
    fr_region *ranked;
    size_t n, matched = 0;
    assert_int_equal(fr_regions_rank(&(fr_region_query){ .provider = "aws" }, &ranked, &n, NULL),
                     0);
    for (size_t i = 0; i < n; i++)
        matched += ranked[i].renewable_matched == 1;
    assert_int_equal(matched, 19); /* as AWS stated for 2022 */
    assert_int_not_equal(ranked[n - 1].renewable_matched, 1);
    free(ranked);
}

static void unknown_names_are_refused(void **state)
{
    (void)state;
    static const fr_region_query CASES[] = {
        { .provider = "aswan" }, { .within = "XX" },          { .within = "FR;DE" },
        { .basis = "marginal" }, { .near = true, .lat = 91 }, { .near = true, .lat = NAN },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        fr_region *ranked = NULL;
        size_t n = 0;
        fr_err err = { 0 };
        assert_int_equal(fr_regions_rank(&CASES[i], &ranked, &n, &err), FR_E_USAGE);
        assert_null(ranked);
        assert_string_not_equal(err.hint, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_that_of_brute_force),
        cmocka_unit_test(one_basis_and_one_year_all_through),
        cmocka_unit_test(what_has_no_figure_of_the_year_is_left_out_by_name),
        cmocka_unit_test(distance_bounds_and_is_told),
        cmocka_unit_test(within_takes_codes_of_two_or_three_letters_and_nothing_else_comes),
        cmocka_unit_test(claims_change_no_rank),
        cmocka_unit_test(unknown_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
