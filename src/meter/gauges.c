#include "meter/gauges.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "meter/gauges_priv.h"

static const fr_gauge_source *const SOURCES[] = { &fr_gauges_of_host, &fr_gauges_of_gpus,
                                                  &fr_gauges_of_neuron };

struct fr_gauges {
    void *states[FR_COUNT_OF(SOURCES)];
};

void fr_gauge_put(fr_gauge_list *list, double value, const char *name, const char *key,
                  const char *of_fmt, ...)
{
    if (list->n == list->cap || !isfinite(value))
        return;
    fr_gauge *g = &list->at[list->n++];
    *g = (fr_gauge){ .name = name, .key = key, .value = value };
    va_list args;
    va_start(args, of_fmt);
    vsnprintf(g->of, sizeof g->of, of_fmt, args);
    va_end(args);
}

int fr_gauges_open(const fr_gauges_options *options, fr_gauges **out, fr_err *err)
{
    (void)err;
    fr_gauges *g = FR_NEW(fr_gauges);
    for (size_t i = 0; i < FR_COUNT_OF(SOURCES); i++)
        g->states[i] = SOURCES[i]->open(options);
    *out = g;
    return 0;
}

size_t fr_gauges_read(fr_gauges *g, fr_gauge *out, size_t cap)
{
    fr_gauge_list list = { .at = out, .cap = cap };
    for (size_t i = 0; i < FR_COUNT_OF(SOURCES); i++) {
        if (g->states[i] != NULL)
            SOURCES[i]->read(g->states[i], &list);
    }
    return list.n;
}

void fr_gauges_close(fr_gauges *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < FR_COUNT_OF(SOURCES); i++) {
        if (g->states[i] != NULL)
            SOURCES[i]->close(g->states[i]);
    }
    free(g);
}
