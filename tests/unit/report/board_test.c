/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/board.h"

#define NOON_NS 1795348800000000000 /* 2026-11-22T12:00:00Z */
#define SECOND  1000000000

/* Names that others look for exist exactly so. */
static void the_names_of_aws_and_nvidia_are_rows(void **state)
{
    (void)state;
    static const char *const NAMES[] = {
        "CPUUtilization",
        "GPUUtilization",
        "GPUMemoryUtilization",
        "MemoryUtilization",
        "DiskUtilization",
        "nvidia_smi.gpu_utilization",
        "nvidia_smi.gpu_memory_utilization",
        "nvidia_smi.gpu_performance_state",
        "vcpu_usage",
        "memory_info",
        "neuroncore_utilization",
    };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++)
        assert_non_null(fr_series_find(NAMES[i]));
}

static void counters_stay_and_never_fall_gauges_go(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = fr_board_new();
    fr_board_begin(b, NOON_NS, 10);
    fr_board_set(b, "CPUUtilization", 50, NULL, 0);
    fr_board_add(b, "frugal_energy_joules_total", 7, FR_LABELS({ "device", "cpu" }));
    fr_board_set(b, "MemoryUtilization", NAN, NULL, 0);
    fr_board_end(b);
    assert_float_equal(fr_board_value(b, "CPUUtilization", NULL, NULL), 50, 0);
    assert_true(isnan(fr_board_value(b, "MemoryUtilization", NULL, NULL)));
    fr_board_begin(b, NOON_NS + 10 * (int64_t)SECOND, 10);
    fr_board_add(b, "frugal_energy_joules_total", -3, FR_LABELS({ "device", "cpu" }));
    fr_board_add(b, "frugal_energy_joules_total", 2, FR_LABELS({ "device", "cpu" }));
    fr_board_add(b, "frugal_energy_joules_total", NAN, FR_LABELS({ "device", "cpu" }));
    fr_board_end(b);
    size_t n;
    const fr_point *points = fr_board_points(b, &n);
    assert_int_equal(n, 1);
    assert_float_equal(points[0].value, 9, 0);
    assert_float_equal(points[0].delta, 2, 0);
    assert_true(points[0].start_unix_ns == NOON_NS - 10 * (int64_t)SECOND);
}

static void a_board_is_bounded(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = fr_board_new();
    fr_board_begin(b, NOON_NS, 10);
    for (int i = 0; i < 6000; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        fr_board_set(b, "GPUUtilization", i, FR_LABELS({ "gpu", name }));
    }
    fr_board_end(b);
    size_t n;
    fr_board_points(b, &n);
    assert_int_equal(n, 4096);
}

static fr_board *small_board(const char *model)
{
    fr_board *b = fr_board_new();
    fr_board_begin(b, NOON_NS, 10);
    fr_board_set(b, "nvidia_smi.gpu_utilization", 37.5, FR_LABELS({ "gpu", "0" }, { "none", "" }));
    fr_board_add(b, "frugal_engine_tokens_total", 120,
                 FR_LABELS({ "model", model }, { "kind", "generation" }));
    fr_board_end(b);
    return b;
}

static void openmetrics_escapes_and_ends(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = small_board("a\"b\\c\nd");
    FR_AUTO(fr_buf) text = { 0 };
    fr_exposition_put(b, FR_OPENMETRICS, &text);
    assert_string_equal(
        fr_buf_text(&text),
        "# HELP nvidia_smi_gpu_utilization utilization.gpu as nvidia-smi says it\n"
        "# TYPE nvidia_smi_gpu_utilization gauge\n"
        "nvidia_smi_gpu_utilization{gpu=\"0\"} 37.5\n"
        "# HELP frugal_engine_tokens tokens that the engine counted, by model and kind\n"
        "# TYPE frugal_engine_tokens counter\n"
        "frugal_engine_tokens_total{model=\"a\\\"b\\\\c\\nd\",kind=\"generation\"} 120\n"
        "# EOF\n");
    fr_buf_clear(&text);
    fr_exposition_put(b, FR_PROMETHEUS_TEXT, &text);
    assert_null(strstr(fr_buf_text(&text), "# EOF"));
    assert_non_null(strstr(fr_buf_text(&text), "# TYPE frugal_engine_tokens_total counter\n"));
}

static json_t *parsed(const fr_buf *text)
{
    json_t *out = json_loadb(text->at, text->n, 0, NULL);
    assert_non_null(out);
    return out;
}

/* A model may be named in bytes that are no text: no form may break by it. */
static void a_label_that_is_no_utf8_breaks_no_form(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = small_board("mod\xff\xfe"
                                         "el");
    FR_AUTO(fr_buf) text = { 0 };
    fr_otlp_put(b, "host", &text);
    json_decref(parsed(&text));
    fr_buf_clear(&text);
    fr_put_metric_data(b, "host", "frugal", 0, &text);
    json_decref(parsed(&text));
    assert_non_null(strstr(fr_buf_text(&text), "mod??el"));
}

static void otlp_says_cumulative_and_since_when(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = small_board("m");
    FR_AUTO(fr_buf) text = { 0 };
    fr_otlp_put(b, "host", &text);
    json_t *whole = parsed(&text);
    json_t *metrics = json_object_get(
        json_array_get(json_object_get(json_array_get(json_object_get(whole, "resourceMetrics"), 0),
                                       "scopeMetrics"),
                       0),
        "metrics");
    assert_int_equal(json_array_size(metrics), 2);
    json_t *sum = json_object_get(json_array_get(metrics, 1), "sum");
    assert_int_equal(json_integer_value(json_object_get(sum, "aggregationTemporality")), 2);
    assert_true(json_is_true(json_object_get(sum, "isMonotonic")));
    json_t *point = json_array_get(json_object_get(sum, "dataPoints"), 0);
    assert_string_equal(json_string_value(json_object_get(point, "timeUnixNano")),
                        "1795348800000000000");
    assert_string_equal(json_string_value(json_object_get(point, "startTimeUnixNano")),
                        "1795348790000000000");
    json_decref(whole);
}

/* Each set of labels is a line of its own; what a directive names stands in the line. */
static void embedded_metrics_keep_their_names_and_limits(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = small_board("m");
    FR_AUTO(fr_buf) text = { 0 };
    fr_emf_put(b, "web-1", "frugal", &text);
    fr_str rest = fr_buf_str(&text), line;
    int n = 0;
    while (fr_str_next(&rest, '\n', &line)) {
        json_t *event = json_loadb(line.at, line.n, 0, NULL);
        if (line.n == 0)
            continue;
        json_t *aws = json_object_get(event, "_aws");
        assert_true(json_integer_value(json_object_get(aws, "Timestamp")) == NOON_NS / 1000000);
        json_t *directive = json_array_get(json_object_get(aws, "CloudWatchMetrics"), 0);
        json_t *metric = json_array_get(json_object_get(directive, "Metrics"), 0);
        const char *name = json_string_value(json_object_get(metric, "Name"));
        assert_true(json_is_number(json_object_get(event, name)));
        json_t *set = json_array_get(json_object_get(directive, "Dimensions"), 0);
        for (size_t i = 0; i < json_array_size(set); i++)
            assert_true(
                json_is_string(json_object_get(event, json_string_value(json_array_get(set, i)))));
        if (n++ == 0)
            assert_string_equal(name, "nvidia_smi.gpu_utilization");
        json_decref(event);
    }
    assert_int_equal(n, 2);
}

static void metric_data_comes_in_thousands_and_tells_what_grew(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = fr_board_new();
    for (int round = 1; round <= 2; round++) {
        fr_board_begin(b, NOON_NS, 60);
        for (int i = 0; i < 1500; i++) {
            char name[16];
            snprintf(name, sizeof name, "d%d", i);
            fr_board_add(b, "frugal_energy_joules_total", round, FR_LABELS({ "device", name }));
        }
        fr_board_end(b);
    }
    FR_AUTO(fr_buf) first = { 0 };
    FR_AUTO(fr_buf) second = { 0 };
    size_t next = fr_put_metric_data(b, "h", "frugal", 0, &first);
    assert_int_equal(next, 1000);
    assert_int_equal(fr_put_metric_data(b, "h", "frugal", next, &second), 0);
    json_t *a = parsed(&first), *z = parsed(&second);
    assert_int_equal(json_array_size(json_object_get(a, "MetricData")), 1000);
    assert_int_equal(json_array_size(json_object_get(z, "MetricData")), 500);
    json_t *datum = json_array_get(json_object_get(a, "MetricData"), 0);
    assert_float_equal(json_number_value(json_object_get(datum, "Value")), 2, 0);
    assert_null(json_object_get(datum, "StorageResolution")); /* a minute is the usual one */
    assert_true(first.n < 1000000);                           /* PutMetricData takes 1 MB */
    json_decref(a);
    json_decref(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_names_of_aws_and_nvidia_are_rows),
        cmocka_unit_test(counters_stay_and_never_fall_gauges_go),
        cmocka_unit_test(a_board_is_bounded),
        cmocka_unit_test(openmetrics_escapes_and_ends),
        cmocka_unit_test(a_label_that_is_no_utf8_breaks_no_form),
        cmocka_unit_test(otlp_says_cumulative_and_since_when),
        cmocka_unit_test(embedded_metrics_keep_their_names_and_limits),
        cmocka_unit_test(metric_data_comes_in_thousands_and_tells_what_grew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
