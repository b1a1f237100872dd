/* Any bytes read as any provider's answer give points in order, without overlap, each unknown or
 * 0 to 5000 g/kWh; or an error that says what is wrong, and no points. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "carbon/signal.h"

static const char *const SIGNALS[] = { "uk", "electricity-maps:FR", "watttime:CAISO_NORTH",
                                       "carbon-aware-average:eastus@http://localhost",
                                       "csv:file.csv" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    setenv("ELECTRICITY_MAPS_TOKEN", "k", 1);
    setenv("WATTTIME_USER", "k", 1);
    setenv("WATTTIME_PASSWORD", "k", 1);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++) {
        FR_AUTO(fr_signal) s = { 0 };
        fr_signal_spec spec;
        fr_err err = { 0 };
        if (fr_signal_spec_parse(SIGNALS[i], &spec, &err) != 0)
            abort();
        if (fr_signal_parse(&spec, (fr_str){ (const char *)data, size }, &s, &err) != 0) {
            if (err.what[0] == '\0' || s.n != 0)
                abort();
            continue;
        }
        for (size_t k = 0; k < s.n; k++) {
            const fr_signal_point *p = &s.at[k];
            if (p->end_unix_ns <= p->start_unix_ns ||
                (k > 0 && s.at[k - 1].end_unix_ns > p->start_unix_ns) ||
                !(isnan(p->g_per_kwh) || (p->g_per_kwh >= 0 && p->g_per_kwh <= 5000)))
                abort();
        }
    }
    return 0;
}
