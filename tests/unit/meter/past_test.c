#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "meter/past.h"
#include "support/tiny_server.h"
#include "tables/tables.h"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))

static int read_csv(const char *text, fr_past *out, fr_err *err)
{
    return fr_past_read_smi(fr_str_of(text), &(fr_past_options){ .name = "log.csv" }, out, err);
}

static int64_t at(const char *text)
{
    int64_t ns;
    assert_true(fr_time_parse(text, &ns));
    return ns;
}

static void set_zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}

static void recorded_draw_is_integrated_gpu_by_gpu(void **state)
{
    (void)state;
    FR_AUTO(fr_past) past = { 0 };
    static const char LOG[] =
        "timestamp, index, name, power.draw [W], utilization.gpu [%], memory.used [MiB], "
        "memory.total [MiB], pstate\n"
        "2026/11/22 12:00:00.000, 0, NVIDIA A10G, 50.00 W, 0 %, 1024 MiB, 4096 MiB, P0\n"
        "2026/11/22 12:00:00.010, 1, NVIDIA A10G, 200.00 W, 100 %, 4 GiB, 4096 MiB, P0\n"
        "2026/11/22 12:00:10.000, 0, NVIDIA A10G, 150.00 W, 50 %, 2048 MiB, 4096 MiB, P0\n"
        "2026/11/22 12:00:10.010, 1, NVIDIA A10G, 200 W, 100 %, [N/A], 4096 MiB, P2\n";
    set_zone("UTC0");
    assert_int_equal(read_csv(LOG, &past, NULL), 0);
    assert_int_equal(past.n, 2);
    assert_int_equal(past.n_wrong, 0);
    FR_AUTO(fr_past_verdict) v = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[0], &v, NULL), 0);
    assert_true(v.start_unix_ns == at("2026-11-22T12:00:00Z"));
    close_to(v.energy.value_j, 1000, 1e-6); /* the trapezoid of 50 and 150 W over 10 s */
    assert_int_equal(v.energy.method, FR_METHOD_MEASURED);
    assert_true(v.energy.low_j < 1000 && v.energy.high_j > 1000);
    close_to(v.utilization_mean, 0.25, 1e-9);
    close_to(v.memory_most, 0.25, 1e-9);
    double sum = 0;
    for (size_t i = 0; i < v.n_buckets; i++)
        sum += v.buckets[i].work_j + v.buckets[i].idle_j;
    close_to(sum, 1000, 1e-6);
    FR_AUTO(fr_past_verdict) w = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[1], &w, NULL), 0);
    close_to(w.energy.value_j, 2000, 1e-6);
    close_to(w.memory_most, 1, 1e-9);
}

/* Without draw a model stands in, with the row of the table named, between its idle and its TDP. */
static void without_draw_the_accelerators_row_models_it(void **state)
{
    (void)state;
    FR_AUTO(fr_past) past = { 0 };
    static const char LOG[] = "timestamp,gpu_name,utilization.gpu,power.draw\n"
                              "2026-11-22 12:00:00,NVIDIA A100-SXM4-80GB,0,[N/A]\n"
                              "2026-11-22 12:00:10,NVIDIA A100-SXM4-80GB,0,[Not Supported]\n"
                              "2026-11-22 12:00:10.5,NVIDIA A100-SXM4-80GB,100,[N/A]\n"
                              "2026-11-22 12:00:20.5,NVIDIA A100-SXM4-80GB,100,[N/A]\n";
    assert_int_equal(read_csv(LOG, &past, NULL), 0);
    FR_AUTO(fr_past_verdict) v = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[0], &v, NULL), 0);
    assert_int_equal(v.energy.method, FR_METHOD_MODELLED);
    assert_non_null(strstr(v.energy.source, "NVIDIA A100 SXM4 80GB"));
    /* 46 W at rest by the table, 85% of 400 W at full use */
    close_to(v.energy.value_j, 46 * 10 + (46 + 340) / 2.0 * 0.5 + 340 * 10, 1);
    assert_true(v.energy.low_j < v.energy.value_j && v.energy.value_j < v.energy.high_j);
}

/* Without index, uuid or bus: rows that come together are several GPUs; half a second later is one.
 */
static void gpus_without_a_name_are_told_by_their_place(void **state)
{
    (void)state;
    FR_AUTO(fr_past) past = { 0 };
    static const char LOG[] = "timestamp,power.draw\n"
                              "2026/11/22 12:00:00.000,10 W\n2026/11/22 12:00:00.004,20 W\n"
                              "2026/11/22 12:00:00.500,10 W\n2026/11/22 12:00:00.504,20 W\n"
                              "2026/11/22 12:00:01.000,10 W\n2026/11/22 12:00:01.003,20 W\n";
    assert_int_equal(read_csv(LOG, &past, NULL), 0);
    assert_int_equal(past.n, 2);
    FR_AUTO(fr_past_verdict) v = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[1], &v, NULL), 0);
    close_to(v.energy.value_j, 20 * 0.999, 1e-6);
}

static void names_of_drivers_find_their_row(void **state)
{
    (void)state;
    static const char *const NAMES[][2] = {
        { "NVIDIA A100-SXM4-80GB", "NVIDIA A100 SXM4 80GB" },
        { "NVIDIA A100-PCIE-40GB", "NVIDIA A100 PCIe 40GB" },
        { "NVIDIA H100 80GB HBM3", "NVIDIA H100 SXM5 80GB" },
        { "NVIDIA H100 PCIe", "NVIDIA H100 PCIe 80GB" },
        { "Tesla T4", "NVIDIA T4" },
        { "Tesla V100-SXM2-16GB", "NVIDIA V100 SXM2 16GB" },
        { "NVIDIA GeForce RTX 4090", "NVIDIA RTX 4090" },
        { "NVIDIA A10G", "NVIDIA A10G" },
        { "NVIDIA L40S", "NVIDIA L40S" },
    };
    const fr_table *t = fr_table_find("accelerators");
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        size_t row = 0;
        assert_true(fr_past_accelerator(NAMES[i][0], &row));
        const char *found = fr_table_text(t, row, fr_table_column(t, "name"));
        bool is_h100 = strcmp(NAMES[i][0], "NVIDIA H100 80GB HBM3") == 0;
        if (is_h100) /* the driver leaves the form away: any H100 of 80 GB */
            assert_memory_equal(found, "NVIDIA H100", 11);
        else
            assert_string_equal(found, NAMES[i][1]);
    }
    size_t row;
    assert_false(fr_past_accelerator("Voodoo", &row));
    assert_false(fr_past_accelerator("", &row));
}

static void cells_that_do_not_parse_are_named_and_cost_their_row(void **state)
{
    (void)state;
    FR_AUTO(fr_past) past = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    fr_buf_put_s(&text, "timestamp, power.draw [W]\n");
    for (int i = 0; i < 30; i++)
        fr_buf_put_f(&text, "2026/11/22 12:00:%02d.000, 100.00 W\n", i);
    fr_buf_put_s(&text, "2026/11/22 12:00:30.000, 100.00 parsecs\nUnable to determine the device\n"
                        "2026/11/22 12:00");
    assert_int_equal(read_csv(fr_buf_text(&text), &past, NULL), 0);
    assert_int_equal(past.n_rows, 30);
    assert_int_equal(past.n_wrong, 3);
    assert_string_equal(past.wrong[0], "log.csv:32: power.draw: '100.00 parsecs'");
    assert_string_equal(past.wrong[1], "log.csv:33: 1 cells, not 2");
    FR_AUTO(fr_past_verdict) v = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[0], &v, NULL), 0);
    close_to(v.energy.value_j, 2900, 1e-6);
}

static void files_that_are_something_else_are_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "name,age\nx,1\n",
        "timestamp,name\n2026/11/22 12:00:00,x\n",
        "power.draw [W]\n5 W\n",
        "timestamp,power.draw\nyesterday,5 W\nlater,6 W\n",
        "timestamp,power.draw\n1013/10/25 02:30:00,5 W\n9999/12/31 23:59:59,6 W\n",
        "timestamp,power.draw\n2026/11/22 12:00:00,-5 W\n2026/11/22 12:00:01,1e99 W\n",
    };
    for (size_t i = 0; i < FR_COUNT_OF(BAD); i++) {
        FR_AUTO(fr_past) past = { 0 };
        fr_err err = { 0 };
        assert_int_equal(read_csv(BAD[i], &past, &err), FR_E_FORMAT);
        assert_true(err.hint[0] != '\0');
    }
}

static void a_log_without_header_or_times_is_told_both(void **state)
{
    (void)state;
    FR_AUTO(fr_past) past = { 0 };
    fr_past_options options = { .name = "bare.csv",
                                .columns = "index,power.draw",
                                .every_s = 5,
                                .from_unix_ns = at("2026-11-22T12:00:00Z") };
    assert_int_equal(fr_past_read_smi(FR_STR("0, 100\n1, 10\n0, 100\n1, 10\n0, 100\n1, 10\n"),
                                      &options, &past, NULL),
                     0);
    assert_int_equal(past.n, 2);
    FR_AUTO(fr_past_verdict) v = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[0], &v, NULL), 0);
    close_to(v.energy.value_j, 1000, 1e-6);
    assert_true(v.start_unix_ns == options.from_unix_ns);
}

/* Paris, 2026-10-25: 02:30 comes twice. And 2027-03-28: 02:30 never comes. */
static void the_hour_that_comes_twice_is_lived_twice(void **state)
{
    (void)state;
    FR_AUTO(fr_past) past = { 0 };
    set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    static const char LOG[] = "timestamp,power.draw\n"
                              "2026/10/25 02:30:00,10\n2026/10/25 02:45:00,10\n"
                              "2026/10/25 02:00:00,10\n2026/10/25 02:15:00,10\n"
                              "2026/10/25 02:30:00,10\n2026/10/25 02:45:00,10\n"
                              "2026/10/25 03:00:00,10\n";
    assert_int_equal(read_csv(LOG, &past, NULL), 0);
    FR_AUTO(fr_past_verdict) v = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[0], &v, NULL), 0);
    assert_true(v.start_unix_ns == at("2026-10-25T00:30:00Z"));
    assert_true(v.end_unix_ns == at("2026-10-25T02:00:00Z"));
    close_to(v.energy.value_j, 10 * 5400, 1e-6);
    FR_AUTO(fr_past) spring = { 0 };
    assert_int_equal(
        read_csv("timestamp,power.draw\n2027/03/28 01:59:50,10\n2027/03/28 03:00:00,10\n", &spring,
                 NULL),
        0);
    FR_AUTO(fr_past_verdict) w = { 0 };
    assert_int_equal(fr_past_judge(&spring.devices[0], &w, NULL), 0);
    close_to(w.energy.value_j, 100, 1e-6);
    set_zone("UTC0");
}

static void time_without_samples_is_a_gap_and_never_filled(void **state)
{
    (void)state;
    FR_AUTO(fr_past) past = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    fr_buf_put_s(&text, "timestamp,power.draw\n");
    for (int i = 0; i < 20; i++)
        fr_buf_put_f(&text, "%d,100\n", 1795348800 + 10 * i + (i >= 10 ? 86400 : 0));
    assert_int_equal(read_csv(fr_buf_text(&text), &past, NULL), 0);
    FR_AUTO(fr_past_verdict) v = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[0], &v, NULL), 0);
    close_to(v.covered_s, 180, 1e-6);
    close_to(v.gap_s, 86410, 1e-6);
    close_to(v.energy.value_j, 18000, 1e-3);
}

/* ---- CloudWatch ---- */

static char asked[4][4096];
static int n_asked;

static void answer(void *user, const tiny_request *r, fr_buf *out)
{
    (void)user;
    if (strstr(r->head, "/denied") != NULL) {
        tiny_answer(out, 400, "", "{\"__type\":\"AccessDenied\",\"message\":\"not you\"}");
        return;
    }
    snprintf(asked[n_asked++ % 4], sizeof asked[0], "%s", fr_buf_text(&r->body));
    bool second = strstr(fr_buf_text(&r->body), "NextToken") != NULL;
    tiny_answer(out, 200, "",
                second
                    ? "{\"MetricDataResults\": [{\"Id\": \"m0\", \"Label\": \"x\", "
                      "\"Timestamps\": [1795350000], \"Values\": [50.0]}]}"
                    : "{\"MetricDataResults\": [{\"Id\": \"m0\", \"Label\": \"x\", \"Timestamps\": "
                      "[1795349400.0, 1795349700.0], \"Values\": [100.0, null]}, "
                      "{\"Id\": \"m1\", \"Timestamps\": [1795349400], \"Values\": [30]}], "
                      "\"NextToken\": \"more\"}");
}

static void cloudwatch_is_asked_page_by_page(void **state)
{
    (void)state;
    tiny_server server;
    assert_int_equal(tiny_server_start(&server, answer, NULL), 0);
    static const char *const METRICS[] = { "GPUUtilization", "GPUMemoryUtilization", NULL };
    static const char *const DIMENSIONS[] = { "Host=job/algo-1", NULL };
    fr_past_query q = { .who = { "AKIDEXAMPLE", "secret", NULL, "eu-west-3", "monitoring" },
                        .endpoint = server.url,
                        .name_space = "/aws/sagemaker/TrainingJobs",
                        .metrics = METRICS,
                        .dimensions = DIMENSIONS,
                        .from_unix_ns = at("2026-11-22T12:00:00Z"),
                        .to_unix_ns = at("2026-11-22T13:00:00Z"),
                        .period_s = 300,
                        .model = "NVIDIA T4",
                        .count = 2 };
    FR_AUTO(fr_past) past = { 0 };
    assert_int_equal(fr_past_ask_cloudwatch(&q, &past, NULL), 0);
    assert_int_equal(n_asked, 2);
    assert_non_null(strstr(asked[0], "\"Namespace\":\"/aws/sagemaker/TrainingJobs\""));
    assert_non_null(strstr(asked[0], "{\"Name\":\"Host\",\"Value\":\"job/algo-1\"}"));
    assert_non_null(strstr(asked[1], "\"NextToken\":\"more\""));
    assert_int_equal(past.n, 1);
    FR_AUTO(fr_past_verdict) v = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[0], &v, NULL), 0);
    close_to(v.covered_s, 600, 1e-6);                     /* the null is no value */
    close_to(v.utilization_mean, (0.5 + 0.25) / 2, 1e-9); /* of both GPUs that the sum tells of */
    close_to(v.memory_most, 0.3, 1e-9);
    assert_true(v.energy.value_j > 2 * 600 * 8 && v.energy.value_j < 2 * 600 * 70);
    char *denied = fr_dup_f("%s/denied", server.url);
    fr_err err = { 0 };
    q.endpoint = denied;
    assert_int_equal(fr_past_ask_cloudwatch(&q, &past, &err), FR_E_NETWORK);
    assert_non_null(strstr(err.what, "not you"));
    assert_null(strstr(err.what, "secret"));
    free(denied);
    tiny_server_stop(&server);
}

static void an_instance_is_modelled_by_its_row(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"MetricDataResults\": [{\"Id\": \"cpu\", \"Label\": \"CPUUtilization\", \"Timestamps\": "
        "[\"2026-11-22T12:05:00+00:00\", \"2026-11-22T12:00:00+00:00\"], \"Values\": [100, 50]}]}";
    FR_AUTO(fr_past) past = { 0 };
    char *next = NULL;
    fr_past_query q = { .period_s = 300, .model = "c4.2xlarge" };
    assert_int_equal(fr_past_read_metric_data(FR_STR(TEXT), &q, "a.json", &past, &next, NULL), 0);
    FR_AUTO(fr_past_verdict) v = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[0], &v, NULL), 0);
    close_to(v.energy.value_j, 300 * 55 + 300 * 72.1, 1e-6); /* data/instances.csv, Teads */
    q.model = "c4.nonsense";
    FR_AUTO(fr_past) other = { 0 };
    FR_AUTO(fr_past_verdict) w = { 0 };
    fr_err err = { 0 };
    assert_int_equal(fr_past_read_metric_data(FR_STR(TEXT), &q, "a.json", &other, &next, NULL), 0);
    assert_int_equal(fr_past_judge(&other.devices[0], &w, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.hint, "--instance"));
}

/* SageMaker tells the sum of all processors: 400% of 8 are half; of an instance of EC2, 400% is
 * nothing that there is. */
static void a_sum_over_processors_is_no_mean(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"MetricDataResults\": [{\"Id\": \"cpu\", \"Label\": \"CPUUtilization\", \"Timestamps\": "
        "[1795348800, 1795349100], \"Values\": [400, 400]}]}";
    FR_AUTO(fr_past) past = { 0 };
    char *next = NULL;
    fr_past_query q = { .period_s = 300, .model = "ml.c4.2xlarge" };
    assert_int_equal(fr_past_read_metric_data(FR_STR(TEXT), &q, "a.json", &past, &next, NULL), 0);
    FR_AUTO(fr_past_verdict) v = { 0 };
    assert_int_equal(fr_past_judge(&past.devices[0], &v, NULL), 0);
    close_to(v.utilization_mean, 0.5, 1e-12);
    close_to(v.energy.value_j, 600 * 55, 1e-6); /* c4.2xlarge at a half */
    FR_AUTO(fr_past) ec2 = { 0 };
    q.model = "c4.2xlarge";
    assert_int_equal(fr_past_read_metric_data(FR_STR(TEXT), &q, "a.json", &ec2, &next, NULL), 0);
    assert_int_equal(ec2.n_rows, 0);
    assert_int_equal(ec2.n_wrong, 2);
    assert_non_null(strstr(ec2.wrong[0], "400% of 1: is it a sum of more?"));
}

static void a_result_that_was_refused_is_named(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{\"MetricDataResults\": [{\"Id\": \"m0\", \"Label\": \"GPUUtilization\", \"StatusCode\": "
        "\"Forbidden\", \"Timestamps\": [], \"Values\": []}]}";
    FR_AUTO(fr_past) past = { 0 };
    char *next = NULL;
    fr_past_query q = { .period_s = 300 };
    assert_int_equal(fr_past_read_metric_data(FR_STR(TEXT), &q, "a", &past, &next, NULL), 0);
    assert_string_equal(past.wrong[0], "a: GPUUtilization: CloudWatch says Forbidden");
}

static void hostile_answers_are_refused_or_passed_over(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "{",
        "[]",
        "{\"MetricDataResults\": 7}",
        "{\"MetricDataResults\": [{\"Label\": \"CPUUtilization\", \"Timestamps\": [1], \"Values\": "
        "[]}]}",
        "{\"MetricDataResults\": [{\"Label\": \"CPUUtilization\", \"Timestamps\": 5, \"Values\": "
        "{}}]}",
    };
    fr_past_query q = { .period_s = 60 };
    for (size_t i = 0; i < FR_COUNT_OF(BAD); i++) {
        FR_AUTO(fr_past) past = { 0 };
        char *next = NULL;
        assert_int_equal(fr_past_read_metric_data(fr_str_of(BAD[i]), &q, "a", &past, &next, NULL),
                         FR_E_FORMAT);
    }
    FR_AUTO(fr_past) past = { 0 };
    char *next = NULL;
    static const char ODD[] = "{\"MetricDataResults\": [{}, 5, null, {\"Label\": \"Nonsense\"}, "
                              "{\"Label\": \"CPUUtilization\", "
                              "\"Timestamps\": [-1, \"x\", 1795348800, 1795348860, null], "
                              "\"Values\": [1, 2, -3, \"y\", 4]}]}";
    assert_int_equal(fr_past_read_metric_data(FR_STR(ODD), &q, "a", &past, &next, NULL), 0);
    assert_int_equal(past.n_rows, 0);
    assert_int_equal(past.n_wrong, 9);
}

int main(void)
{
    setenv("NO_PROXY", "127.0.0.1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_draw_is_integrated_gpu_by_gpu),
        cmocka_unit_test(without_draw_the_accelerators_row_models_it),
        cmocka_unit_test(gpus_without_a_name_are_told_by_their_place),
        cmocka_unit_test(names_of_drivers_find_their_row),
        cmocka_unit_test(cells_that_do_not_parse_are_named_and_cost_their_row),
        cmocka_unit_test(files_that_are_something_else_are_refused),
        cmocka_unit_test(a_log_without_header_or_times_is_told_both),
        cmocka_unit_test(the_hour_that_comes_twice_is_lived_twice),
        cmocka_unit_test(time_without_samples_is_a_gap_and_never_filled),
        cmocka_unit_test(cloudwatch_is_asked_page_by_page),
        cmocka_unit_test(an_instance_is_modelled_by_its_row),
        cmocka_unit_test(a_sum_over_processors_is_no_mean),
        cmocka_unit_test(a_result_that_was_refused_is_named),
        cmocka_unit_test(hostile_answers_are_refused_or_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
