/* Any bytes: a sample's name and labels lie inside them, a label fits its room, no line is lost
 * twice. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "meter/served.h"
#include "meter/prometheus_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *text = (const char *)bytes;
    fr_prometheus_text in = { .rest = { text, n } };
    fr_prometheus_sample s;
    size_t lines = 1, samples = 0;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    while (fr_prometheus_next(&in, &s)) {
        char value[8] = "";
        if (s.name.n == 0 || s.name.at < text || s.name.at + s.name.n > text + n ||
            (s.labels.n > 0 && (s.labels.at < text || s.labels.at + s.labels.n > text + n)))
            abort();
        fr_prometheus_label(s.labels, "model_name", value, sizeof value);
        if (memchr(value, '\0', sizeof value) == NULL)
            abort();
        samples++;
    }
    if (samples + in.n_wrong > lines)
        abort();
    fr_served_counts counts;
    if (fr_served_parse((fr_str){ text, n }, "page", &counts, NULL) == 0) {
        for (size_t i = 0; i < counts.n_models; i++) {
            if (!(counts.models[i].generated_tokens >= 0) || !(counts.models[i].prompt_tokens >= 0))
                abort();
        }
    }
    return 0;
}
