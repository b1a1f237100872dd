/*
 * OTLP/HTTP with JSON (opentelemetry.io/docs/specs/otlp; metrics/v1/metrics.proto): 64-bit integers
 * are decimal texts, enums are numbers, keys lowerCamelCase. A counter is a monotonic cumulative
 * sum with the time it began.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/board.h"

#define CUMULATIVE 2

static json_t *attribute(const char *key, const char *value)
{
    return json_pack("{s:s, s:{s:s}}", "key", key, "value", "stringValue", value);
}

static json_t *nanoseconds(int64_t ns)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, ns);
    return json_string(text);
}

static json_t *point_of(const fr_point *p, int64_t unix_ns)
{
    json_t *point = json_object(), *attributes = json_array();
    for (size_t i = 0; i < p->n_labels; i++)
        json_array_append_new(attributes, attribute(p->labels[i].key, p->labels[i].value));
    json_object_set_new(point, "attributes", attributes);
    if (p->series->kind == FR_SERIES_COUNTER)
        json_object_set_new(point, "startTimeUnixNano", nanoseconds(p->start_unix_ns));
    json_object_set_new(point, "timeUnixNano", nanoseconds(unix_ns));
    json_object_set_new(point, "asDouble", json_real(p->value));
    return point;
}

/* NULL: no point of that series. */
static json_t *metric_of(const fr_series *s, const fr_point *points, size_t n, int64_t unix_ns)
{
    json_t *data = json_array();
    for (size_t i = 0; i < n; i++) {
        if (points[i].series == s)
            json_array_append_new(data, point_of(&points[i], unix_ns));
    }
    if (json_array_size(data) == 0) {
        json_decref(data);
        return NULL;
    }
    json_t *metric = json_pack("{s:s, s:s, s:s}", "name", s->name, "description", s->help, "unit",
                               fr_series_ucum(s));
    if (s->kind == FR_SERIES_COUNTER)
        json_object_set_new(metric, "sum",
                            json_pack("{s:o, s:i, s:b}", "dataPoints", data,
                                      "aggregationTemporality", CUMULATIVE, "isMonotonic", 1));
    else
        json_object_set_new(metric, "gauge", json_pack("{s:o}", "dataPoints", data));
    return metric;
}

void fr_otlp_put(const fr_board *b, const char *host, fr_buf *out)
{
    size_t n_series, n;
    const fr_series *all = fr_series_all(&n_series);
    json_t *metrics = json_array();
    fr_board_lock(b);
    const fr_point *points = fr_board_points(b, &n);
    for (size_t s = 0; s < n_series; s++) {
        json_t *metric = metric_of(&all[s], points, n, fr_board_unix_ns(b));
        if (metric != NULL)
            json_array_append_new(metrics, metric);
    }
    fr_board_unlock(b);
    json_t *whole = json_pack("{s:[{s:{s:[o, o, o]}, s:[{s:{s:s, s:s}, s:o}]}]}", "resourceMetrics",
                              "resource", "attributes", attribute("service.name", "frugal"),
                              attribute("service.version", FR_VERSION),
                              attribute("host.name", host), "scopeMetrics", "scope", "name",
                              "frugal", "version", FR_VERSION, "metrics", metrics);
    char *text = json_dumps(whole, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(whole);
    if (text != NULL)
        fr_buf_put_s(out, text);
    free(text);
}
