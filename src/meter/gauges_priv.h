/* gauges_priv.h: a source of gauges is a row of the table in gauges.c. */
#ifndef FR_METER_GAUGES_PRIV_H
#define FR_METER_GAUGES_PRIV_H

#include <stdbool.h>
#include "base/compiler.h"
#include "meter/gauges.h"

/** Where a read puts what it finds; what is too many is dropped. */
typedef struct {
    fr_gauge *at;
    size_t n, cap;
} fr_gauge_list;
void fr_gauge_put(fr_gauge_list *list, double value, const char *name, const char *key,
                  const char *of_fmt, ...) FR_PRINTF(5, 6);

typedef struct {
    /** Returns its state; NULL: nothing of the kind here. */
    void *(*open)(const fr_gauges_options *options);
    void (*read)(void *state, fr_gauge_list *out);
    void (*close)(void *state);
} fr_gauge_source;
extern const fr_gauge_source fr_gauges_of_host, fr_gauges_of_gpus, fr_gauges_of_neuron;

#endif
