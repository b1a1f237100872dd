/** signal_priv.h: a provider is a row: how it is asked, and how its answer is read. */
#ifndef FR_CARBON_SIGNAL_PRIV_H
#define FR_CARBON_SIGNAL_PRIV_H

#include "carbon/signal.h"

#define FR_SIGNAL_POINTS_MOST 200000

/** A request in the making; headers are owned texts. */
typedef struct {
    fr_buf url;
    char *headers[4];
    size_t n_headers;
} fr_signal_request;

struct fr_signal_provider {
    const char *name;
    fr_signal_kind kind;
    const char *zone;    /* when none is said; NULL: one must be */
    const char *url;     /* NULL: one must be said; "": a file */
    const char *keys[2]; /* variables of the environment that must be set */
    double most_s;       /* longest span that one request may ask for */
    const char *how;     /* for people */
    int (*ask)(const fr_signal_spec *spec, int64_t from_unix_ns, int64_t to_unix_ns,
               fr_signal_request *out, fr_err *err);
    int (*read)(const fr_signal_spec *spec, fr_str body, fr_signal *out, fr_err *err);
};
extern const fr_signal_provider fr_signal_providers[];
extern const size_t fr_signal_providers_n;

/** An instant by ISO 8601: seconds and fractions may be missing, Z or an offset, else UTC. */
bool fr_signal_instant(const char *text, int64_t *unix_ns);
/** period_s 0: unknown, until the next point begins. FR_E_FORMAT: not a possible intensity. */
int fr_signal_add(fr_signal *s, int64_t start_unix_ns, double period_s, double g_per_kwh,
                  bool estimated, fr_err *err);
/** Sorts, takes the later of two of one time, closes open ends. */
void fr_signal_settle(fr_signal *s);

#endif
