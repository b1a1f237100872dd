/*
 * What CloudWatch takes: the embedded metric format in a log ("Specification: Embedded metric
 * format", docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring) and PutMetricData (API
 * reference, AWS JSON 1.0: times are seconds). A machine is the dimension Host; labels are
 * dimensions, too. CloudWatch sums what it is sent, so a counter is told as what it grew in the
 * interval.
 *
 * Limits that are kept: 100 metrics in a directive, 30 dimensions, 1,000 metrics in a request,
 * dimension values of 1 to 1,024 characters of ASCII with one that is no blank, |value| < 2^360.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/board.h"

#define METRICS_A_DIRECTIVE 100
#define METRICS_A_REQUEST   1000
#define HIGH_RESOLUTION_S   60.0 /* below it, metrics are kept by the second */
#define DIMENSION_MOST      1024

/* A text as a dimension may be. */
static json_t *dimension_value(const char *text)
{
    char kept[DIMENSION_MOST + 1];
    size_t n = 0;
    bool ink = false;
    for (const char *c = text; *c != '\0' && n < DIMENSION_MOST; c++) {
        kept[n] = *c >= ' ' && *c <= '~' ? *c : '?';
        ink |= kept[n++] != ' ';
    }
    kept[n] = '\0';
    return json_string(ink ? kept : "-");
}

static double value_of(const fr_point *p)
{
    return p->series->kind == FR_SERIES_COUNTER ? p->delta : p->value;
}

/* ---- embedded metric format ---- */

static bool same_labels(const fr_point *a, const fr_point *b)
{
    if (a->n_labels != b->n_labels)
        return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        if (strcmp(a->labels[i].key, b->labels[i].key) != 0 ||
            strcmp(a->labels[i].value, b->labels[i].value) != 0)
            return false;
    }
    return true;
}

/* The line of all points that are not told yet and have the labels of `first`. */
static json_t *line_of(const fr_board *b, const fr_point *points, size_t n, size_t first,
                       bool *told, const char *host, const char *name_space)
{
    json_t *line = json_object(), *metrics = json_array();
    json_t *names = json_pack("[s]", "Host");
    const fr_point *head = &points[first];
    json_object_set_new(line, "Host", dimension_value(host));
    for (size_t i = 0; i < head->n_labels; i++) {
        json_array_append_new(names, json_string(head->labels[i].key));
        json_object_set_new(line, head->labels[i].key, dimension_value(head->labels[i].value));
    }
    for (size_t i = first; i < n && json_array_size(metrics) < METRICS_A_DIRECTIVE; i++) {
        const fr_point *p = &points[i];
        if (told[i] || !same_labels(head, p))
            continue;
        told[i] = true;
        json_t *metric = json_pack("{s:s, s:s}", "Name", p->series->name, "Unit",
                                   fr_series_cloudwatch_unit(p->series));
        if (fr_board_interval_s(b) < HIGH_RESOLUTION_S)
            json_object_set_new(metric, "StorageResolution", json_integer(1));
        json_array_append_new(metrics, metric);
        json_object_set_new(line, p->series->name, json_real(value_of(p)));
    }
    json_t *aws = json_pack("{s:I, s:[{s:s, s:[o], s:o}]}", "Timestamp",
                            (json_int_t)(fr_board_unix_ns(b) / 1000000), "CloudWatchMetrics",
                            "Namespace", name_space, "Dimensions", names, "Metrics", metrics);
    json_object_set_new(line, "_aws", aws);
    return line;
}

void fr_emf_put(const fr_board *b, const char *host, const char *name_space, fr_buf *out)
{
    size_t n;
    fr_board_lock(b);
    const fr_point *points = fr_board_points(b, &n);
    bool *told = FR_NEW_N(bool, n);
    for (size_t i = 0; i < n; i++) {
        if (told[i])
            continue;
        json_t *line = line_of(b, points, n, i, told, host, name_space);
        char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(12));
        json_decref(line);
        if (text != NULL)
            fr_buf_put_f(out, "%s\n", text);
        free(text);
    }
    fr_board_unlock(b);
    free(told);
}

/* ---- PutMetricData ---- */

size_t fr_put_metric_data(const fr_board *b, const char *host, const char *name_space, size_t from,
                          fr_buf *out)
{
    size_t n;
    json_t *data = json_array();
    fr_board_lock(b);
    const fr_point *points = fr_board_points(b, &n);
    size_t i = from;
    for (; i < n && json_array_size(data) < METRICS_A_REQUEST; i++) {
        const fr_point *p = &points[i];
        json_t *dimensions = json_array();
        json_array_append_new(
            dimensions, json_pack("{s:s, s:o}", "Name", "Host", "Value", dimension_value(host)));
        for (size_t k = 0; k < p->n_labels; k++)
            json_array_append_new(dimensions,
                                  json_pack("{s:s, s:o}", "Name", p->labels[k].key, "Value",
                                            dimension_value(p->labels[k].value)));
        json_t *datum =
            json_pack("{s:s, s:o, s:f, s:f, s:s}", "MetricName", p->series->name, "Dimensions",
                      dimensions, "Timestamp", floor((double)fr_board_unix_ns(b) * 1e-9), "Value",
                      value_of(p), "Unit", fr_series_cloudwatch_unit(p->series));
        if (fr_board_interval_s(b) < HIGH_RESOLUTION_S)
            json_object_set_new(datum, "StorageResolution", json_integer(1));
        json_array_append_new(data, datum);
    }
    size_t next = i < n ? i : 0;
    fr_board_unlock(b);
    json_t *whole = json_pack("{s:s, s:o}", "Namespace", name_space, "MetricData", data);
    char *text = json_dumps(whole, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(whole);
    if (text != NULL)
        fr_buf_put_s(out, text);
    free(text);
    return next;
}
