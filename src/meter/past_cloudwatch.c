/*
 * GetMetricData of CloudWatch (API reference; AWS JSON 1.0): asked for, and its answers read.
 *
 *     {"MetricDataResults": [{"Id": "m0", "Label": "GPUUtilization", "StatusCode": "Complete",
 *                             "Timestamps": [1795348800, …], "Values": [37.5, …]}],
 *      "NextToken": "…"}
 *
 * The CLI writes times as texts, which are read as well. Timestamps and values come newest first; a
 * null is no value. Limits of the interface that are kept: 500 metrics a call; 1,000 pages here.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "meter/past_priv.h"
#include "net/http.h"

#define METRICS_MOST 500
#define PAGES_MOST   1000
#define PERCENT_MOST 100.5 /* means of whole periods are a little off now and then */
#define TIMEOUT_S    30.0
#define RETRIES      4

/* What a metric's numbers are of a device. */
static const struct {
    const char *name;
    enum { UTILIZATION, MEMORY, WATTS } is;
    fr_device_kind kind;
} METRICS[] = {
    { "CPUUtilization", UTILIZATION, FR_DEVICE_CPU },
    { "MemoryUtilization", MEMORY, FR_DEVICE_CPU },
    { "GPUUtilization", UTILIZATION, FR_DEVICE_GPU },
    { "nvidia_smi.gpu_utilization", UTILIZATION, FR_DEVICE_GPU },
    { "nvidia_smi_utilization_gpu", UTILIZATION, FR_DEVICE_GPU },
    { "GPUMemoryUtilization", MEMORY, FR_DEVICE_GPU },
    { "neuroncore_utilization", UTILIZATION, FR_DEVICE_ACCELERATOR },
    { "frugal_power_watts", WATTS, FR_DEVICE_GPU },
    { "nvidia_smi_power_draw", WATTS, FR_DEVICE_GPU },
};

static int metric_at(const char *name)
{
    for (size_t i = 0; i < FR_COUNT_OF(METRICS); i++) {
        if (strcmp(METRICS[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* "m3": the fourth that was asked for; else the label says which. */
static const char *name_of(const fr_past_query *query, const json_t *result)
{
    const char *id = json_string_value(json_object_get(result, "Id"));
    const char *label = json_string_value(json_object_get(result, "Label"));
    char *end = NULL;
    long at = id != NULL && id[0] == 'm' ? strtol(id + 1, &end, 10) : -1;
    if (query->metrics != NULL && at >= 0 && end != NULL && *end == '\0') {
        for (long i = 0; query->metrics[i] != NULL; i++) {
            if (i == at)
                return query->metrics[i];
        }
    }
    return label != NULL ? label : id;
}

/* "GPUUtilization host gpu-0": the label may say more behind the metric's name. */
static bool known(const char *label, int *metric)
{
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(label, " "), label);
    *metric = metric_at(word);
    return *metric >= 0;
}

/*
 * How many things one series tells of, 100% each. SageMaker's CPUUtilization is the sum of the
 * instance's processors ("SageMaker AI metrics in CloudWatch"), EC2's their mean.
 */
static double count_of(const fr_past_query *q, fr_device_kind kind)
{
    double vcpus;
    bool is_sum = (q->name_space != NULL && strncmp(q->name_space, "/aws/sagemaker", 14) == 0) ||
                  (q->model != NULL && strncmp(q->model, "ml.", 3) == 0);
    if (kind != FR_DEVICE_CPU)
        return q->count > 0 ? q->count : 1;
    return is_sum && fr_past_instance_f64(q->model, "vcpus", &vcpus) && vcpus > 0 ? vcpus : 1;
}

static bool time_of(const json_t *value, int64_t *unix_ns)
{
    if (json_is_number(value)) {
        double seconds = json_number_value(value);
        if (!(seconds > 0 && seconds < 9e9))
            return false;
        *unix_ns = (int64_t)llround(seconds * 1e9);
        return true;
    }
    return json_is_string(value) && fr_past_time(fr_str_of(json_string_value(value)), 0, unix_ns);
}

static void take_value(fr_past *out, fr_past_device *d, int metric, const json_t *time,
                       const json_t *value, double period_s, double series, const char *where)
{
    int64_t unix_ns;
    double v = json_number_value(value);
    if (json_is_null(value))
        return;
    if (!time_of(time, &unix_ns) || !json_is_number(value) || !isfinite(v) || v < 0) {
        fr_past_wrong(out, "%s: a time or value that is none", where);
        return;
    }
    if (METRICS[metric].is == UTILIZATION && v > PERCENT_MOST * series) {
        fr_past_wrong(out, "%s: %g%% of %g: is it a sum of more? --count says of how many", where,
                      v, series);
        return;
    }
    fr_past_sample s = { unix_ns, period_s, NAN, NAN, NAN, -1 };
    if (METRICS[metric].is == WATTS)
        s.power_w = v;
    else if (METRICS[metric].is == MEMORY)
        s.memory_ratio = fmin(v / 100, 1);
    else
        s.utilization_ratio = fmin(v / 100 / series, 1);
    fr_past_add(d, &s); /* what other metrics say of the same moment is put together later */
    out->n_rows++;
}

static int take_result(const json_t *result, const fr_past_query *query, const char *name,
                       fr_past *out, fr_err *err)
{
    const char *label = name_of(query, result);
    const json_t *times = json_object_get(result, "Timestamps");
    const json_t *values = json_object_get(result, "Values");
    int metric;
    if (label == NULL || !known(label, &metric)) {
        fr_past_wrong(out, "%s: '%.60s' is no metric that is known", name,
                      label != NULL ? label : "a result without Id and Label");
        return 0;
    }
    if (!json_is_array(times) || !json_is_array(values) ||
        json_array_size(times) != json_array_size(values))
        return fr_fail(err, FR_E_FORMAT, NULL, "%s: %s: Timestamps and Values do not go together",
                       name, label);
    const char *status = json_string_value(json_object_get(result, "StatusCode"));
    if (status != NULL && strcmp(status, "Complete") != 0 && strcmp(status, "PartialData") != 0)
        fr_past_wrong(out, "%s: %.60s: CloudWatch says %.40s", name, label, status);
    if (json_array_size(times) == 0)
        return 0;
    fr_device_kind kind = METRICS[metric].kind;
    const char *rest = label + strcspn(label, " ");
    char key[96], where[160];
    snprintf(key, sizeof key, "%s%.60s", fr_device_kind_name(kind), rest);
    fr_past_device *d = fr_past_device_of(out, key);
    if (d == NULL)
        return fr_fail(err, FR_E_LIMIT, NULL, "%s: more devices than there is room for", name);
    if (d->n == 0) {
        const char *of = query->dimensions != NULL ? query->dimensions[0] : NULL;
        snprintf(d->name, sizeof d->name, "%.30s%s%.30s", key, of != NULL ? " " : "",
                 of != NULL ? of : "");
        snprintf(d->model, sizeof d->model, "%s", query->model != NULL ? query->model : "");
        d->kind = kind;
        d->count = kind == FR_DEVICE_CPU || !(query->count > 0) ? 1 : query->count;
    }
    double period_s = query->period_s > 0 ? query->period_s : 0, series = count_of(query, kind);
    snprintf(where, sizeof where, "%.60s: %.60s", name, label);
    for (size_t i = 0; i < json_array_size(times); i++)
        take_value(out, d, metric, json_array_get(times, i), json_array_get(values, i), period_s,
                   series, where);
    return 0;
}

int fr_past_read_metric_data(fr_str text, const fr_past_query *query, const char *name,
                             fr_past *out, char **next, fr_err *err)
{
    json_error_t why;
    *next = NULL;
    json_t *answer = json_loadb(text.at, text.n, 0, &why);
    const json_t *results = json_object_get(answer, "MetricDataResults");
    if (!json_is_array(results)) {
        int rc =
            answer == NULL
                ? fr_fail(err, FR_E_FORMAT, NULL, "%s:%d: no JSON: %s", name, why.line, why.text)
                : fr_fail(err, FR_E_FORMAT, NULL, "%s: no MetricDataResults in it", name);
        json_decref(answer);
        return rc;
    }
    int rc = 0;
    for (size_t i = 0; i < json_array_size(results) && rc == 0; i++)
        rc = take_result(json_array_get(results, i), query, name, out, err);
    *next = fr_dup(json_string_value(json_object_get(answer, "NextToken")));
    json_decref(answer);
    return rc;
}

static json_t *dimensions_json(const char *const *dimensions)
{
    json_t *list = json_array();
    for (size_t i = 0; dimensions != NULL && dimensions[i] != NULL; i++) {
        const char *equals = strchr(dimensions[i], '=');
        if (equals != NULL)
            json_array_append_new(list,
                                  json_pack("{s:s%, s:s}", "Name", dimensions[i],
                                            (size_t)(equals - dimensions[i]), "Value", equals + 1));
    }
    return list;
}

static char *question(const fr_past_query *q, const char *next)
{
    json_t *queries = json_array();
    for (size_t i = 0; i < METRICS_MOST && q->metrics[i] != NULL; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%zu", i);
        json_t *metric = json_pack("{s:s, s:s, s:o}", "Namespace", q->name_space, "MetricName",
                                   q->metrics[i], "Dimensions", dimensions_json(q->dimensions));
        json_array_append_new(queries, json_pack("{s:s, s:{s:o, s:i, s:s}, s:b}", "Id", id,
                                                 "MetricStat", "Metric", metric, "Period",
                                                 q->period_s, "Stat", "Average", "ReturnData", 1));
    }
    json_t *whole =
        json_pack("{s:o, s:I, s:I, s:s}", "MetricDataQueries", queries, "StartTime",
                  (json_int_t)(q->from_unix_ns / 1000000000), "EndTime",
                  (json_int_t)(q->to_unix_ns / 1000000000), "ScanBy", "TimestampAscending");
    if (next != NULL)
        json_object_set_new(whole, "NextToken", json_string(next));
    char *text = json_dumps(whole, JSON_COMPACT);
    json_decref(whole);
    return text;
}

static int ask(const fr_past_query *q, const char *url, fr_str body, fr_http_response *got,
               fr_err *err)
{
    static const char *const HEADERS[] = {
        "Content-Type: application/x-amz-json-1.0",
        "X-Amz-Target: GraniteServiceVersion20100801.GetMetricData", NULL
    };
    FR_AUTO(fr_sigv4_headers) signature = { 0 };
    FR_TRY(fr_sigv4(&q->who, "POST", url, HEADERS, body, fr_now_unix_ns(), &signature, err));
    const char *headers[FR_COUNT_OF(HEADERS) + FR_SIGV4_LINES] = { HEADERS[0], HEADERS[1] };
    for (size_t i = 0; i < signature.n; i++)
        headers[2 + i] = signature.line[i];
    fr_http_request request = { .method = "POST",
                                .url = url,
                                .headers = headers,
                                .body = body,
                                .timeout_s = TIMEOUT_S,
                                .retries = RETRIES };
    FR_TRY(fr_http(&request, got, err));
    if (got->status == 200)
        return 0;
    FR_AUTO(fr_buf) bare = { 0 };
    fr_url_bare(url, &bare);
    json_t *said = json_loadb(got->body.at, got->body.n, 0, NULL);
    const char *message = json_string_value(json_object_get(said, "message"));
    if (message == NULL)
        message = json_string_value(json_object_get(said, "Message"));
    int rc = fr_fail(err, FR_E_NETWORK,
                     "Do keys, region and permissions (cloudwatch:GetMetricData) fit?",
                     "%s answered %d%s%.160s", fr_buf_text(&bare), got->status,
                     message != NULL ? ": " : "", message != NULL ? message : "");
    json_decref(said);
    return rc;
}

int fr_past_ask_cloudwatch(const fr_past_query *q, fr_past *out, fr_err *err)
{
    char *url = q->endpoint != NULL
                    ? fr_dup(q->endpoint)
                    : fr_dup_f("https://monitoring.%s.amazonaws.com/", q->who.region);
    char *next = NULL;
    int rc = 0;
    for (int page = 0; rc == 0; page++) {
        FR_AUTO(fr_http_response) got = { 0 };
        char *body = question(q, next);
        free(next);
        next = NULL;
        rc = page < PAGES_MOST
                 ? ask(q, url, fr_str_of(body), &got, err)
                 : fr_fail(err, FR_E_LIMIT, "Ask for less time, or a longer --period.",
                           "CloudWatch has more than %d pages", PAGES_MOST);
        free(body);
        if (rc == 0)
            rc = fr_past_read_metric_data(fr_buf_str(&got.body), q, "CloudWatch", out, &next, err);
        if (next == NULL)
            break;
    }
    free(next);
    free(url);
    return rc != 0 ? rc : fr_past_check(out, "CloudWatch", err);
}
