/**
 * meter/prometheus_text.h: reads Prometheus text (0.0.4) and OpenMetrics, sample by sample, out of
 * memory, for the few names that somebody looks for.
 *
 *     fr_prometheus_text in = { .rest = body };
 *     fr_prometheus_sample s;
 *     while (fr_prometheus_next(&in, &s))
 *         if (fr_str_is(s.name, "vllm:generation_tokens_total"))
 *             …s.value, fr_prometheus_label(s.labels, "model_name", model, sizeof model)…
 *
 * Nothing is copied, nothing allocated. A line that is no sample is passed over and counted.
 */
#ifndef FR_METER_PROMETHEUS_TEXT_H
#define FR_METER_PROMETHEUS_TEXT_H

#include "base/buf.h"

typedef struct {
    fr_str rest;    /* borrowed */
    size_t n_wrong; /* lines that are neither sample nor comment */
} fr_prometheus_text;

/** Slices of the text. labels: what stands between the braces, checked; may be empty. */
typedef struct {
    fr_str name, labels;
    double value; /* may be NAN or infinite */
} fr_prometheus_sample;

bool fr_prometheus_next(fr_prometheus_text *in, fr_prometheus_sample *out);
/** A label's value without escapes, cut to the room there is; false: no such label. */
bool fr_prometheus_label(fr_str labels, const char *name, char *out, size_t size);

#endif
