/* Any bytes as a GPU log or as an answer of GetMetricData: read or refused, and what is judged is
 * finite, in order, and its buckets add up to its energy. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "meter/past.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void judge_all(fr_past *past)
{
    for (size_t i = 0; i < past->n && i < 8; i++) {
        FR_AUTO(fr_past_verdict) v = { 0 };
        fr_past_device *d = &past->devices[i];
        if (fr_past_judge(d, &v, NULL) != 0)
            continue;
        double sum = 0;
        for (size_t k = 0; k < v.n_buckets; k++)
            sum += v.buckets[k].work_j + v.buckets[k].idle_j;
        if (!isfinite(v.energy.value_j) || v.end_unix_ns < v.start_unix_ns || v.covered_s < 0 ||
            fabs(sum - v.energy.value_j) > 1e-6 * fabs(v.energy.value_j) + 1e-6)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_str text = { (const char *)bytes, n };
    FR_AUTO(fr_past) log = { 0 };
    if (fr_past_read_smi(text, &(fr_past_options){ .name = "x" }, &log, NULL) == 0)
        judge_all(&log);
    FR_AUTO(fr_past) answer = { 0 };
    char *next = NULL;
    fr_past_query q = { .period_s = 300, .model = "c4.2xlarge" };
    if (fr_past_read_metric_data(text, &q, "x", &answer, &next, NULL) == 0)
        judge_all(&answer);
    free(next);
    return 0;
}
