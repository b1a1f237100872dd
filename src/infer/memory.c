/* Whether a model with its keys and values fits, before any of it is taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/host.h"
#include "base/log.h"
#include "base/mem.h"
#include "infer/infer_priv.h"

enum { CONTEXT_LEAST = 256, CONTEXT_STEP = 64 };

/* What the system would give without pushing others out, within the control group's limit. */
static double available_bytes(void)
{
    FR_AUTO(fr_buf) text = { 0 };
    fr_host host;
    double kb = 0;
    fr_host_read(NULL, NULL, &host);
    double bytes = host.quota_ram_bytes > 0 ? host.quota_ram_bytes : host.ram_bytes;
    const char *line = NULL;
    if (fr_file_read("/proc/meminfo", 1 << 16, &text, NULL) == 0)
        line = strstr(fr_buf_text(&text), "MemAvailable:");
    if (line != NULL && sscanf(line, "MemAvailable: %lf kB", &kb) == 1 && kb > 0)
        bytes = bytes > 0 ? FR_MIN(bytes, kb * 1024) : kb * 1024;
    return bytes;
}

/* Of a step: rows of hidden states, and logits. */
static double step_bytes(const fr_engine *e)
{
    const fr_shape *s = fr_model_shape(e->model);
    double row = 8 * (double)s->dim + 3 * (double)s->ffn_dim;
    return 4 *
           ((double)(e->step_tokens + e->n_slots) * row + (double)e->n_slots * (double)s->n_vocab);
}

static double mb(double bytes)
{
    return bytes * 1e-6;
}

int fr_engine_fit(fr_engine *e, const fr_engine_options *o, double token_bytes, fr_err *err)
{
    double there = o->memory_bytes > 0 ? o->memory_bytes : available_bytes();
    double fixed = (double)fr_model_weight_bytes(e->model) + step_bytes(e);
    double position = (double)e->n_slots * token_bytes;
    if (there <= 0 || fixed + position * (double)e->context <= there)
        return 0;
    if (fixed + position * (double)FR_MIN(e->context, (size_t)CONTEXT_LEAST) > there) {
        char hint[200];
        double four_bits = (double)fr_model_n_params(e->model) * 18 / 32;
        snprintf(hint, sizeof(hint),
                 four_bits < 0.9 * (double)fr_model_weight_bytes(e->model)
                     ? "In Q4_0 its weights would take about %.0f MB (`frugal quantize`)."
                     : "Take a smaller model; its weights in Q4_0 are %.0f MB already.",
                 mb(four_bits));
        return fr_fail(err, FR_E_NO_MEMORY, hint,
                       "'%s' needs %.0f MB to run, %.0f MB of them weights, and %.0f MB of memory "
                       "are there",
                       fr_model_path(e->model), mb(fixed + position * CONTEXT_LEAST),
                       mb((double)fr_model_weight_bytes(e->model)), mb(there));
    }
    size_t fits = (size_t)((there - fixed) / position);
    if (fits > CONTEXT_STEP)
        fits -= fits % CONTEXT_STEP;
    if (o->context == 0) {
        fr_log(FR_LOG_WARN,
               "%s: a context of %zu tokens takes more memory than there is (%.0f MB); it is %zu",
               fr_model_path(e->model), e->context, mb(there), fits);
        e->context = fits;
        return 0;
    }
    char hint[200];
    snprintf(hint, sizeof(hint), "A context of %zu tokens would fit%s.", fits,
             e->kv_format != FR_FORMAT_Q8_0 ? "; keys and values in q8_0 take about half" : "");
    return fr_fail(err, FR_E_NO_MEMORY, hint,
                   "%zu sequences of %zu tokens take %.0f MB of keys and values beside %.0f MB of "
                   "weights, and %.0f MB of memory are there",
                   e->n_slots, e->context, mb(position * (double)e->context),
                   mb((double)fr_model_weight_bytes(e->model)), mb(there));
}
