/**
 * carbon/signal.h: the grid by the hour, from who publishes it: average or marginal, never mixed.
 *
 *     fr_signal_spec spec;
 *     FR_TRY(fr_signal_spec_parse("uk", &spec, err));
 *     FR_AUTO(fr_signal) s = { 0 };
 *     FR_TRY(fr_signal_get(&spec, from_unix_ns, to_unix_ns, &s, err));
 *     fr_signal_mean m = fr_signal_apply(&s, uses, n_uses);
 *     if (m.covered_ratio > 0) …m.g_per_kwh, weighted by the energy of each hour…
 *
 * Written as NAME[:ZONE][@URL]:
 *     uk                              Great Britain, half-hours, no key
 *     electricity-maps:FR             $ELECTRICITY_MAPS_TOKEN
 *     watttime:CAISO_NORTH            $WATTTIME_USER, $WATTTIME_PASSWORD; marginal, lb/MWh
 *     carbon-aware-average:eastus@http://localhost:8090     Carbon Aware SDK's WebAPI, which does
 *     carbon-aware-marginal:eastus@…                        not say which of the two it gives
 *     csv:FILE, csv-marginal:FILE     columns with "time" and "intensity" or "g_per_kwh" in them
 *
 * What was fetched is kept by UTC day in the user's cache; a day is fetched again until it is over
 * and its figures are final. Without network what is there is used and marked stale; what is
 * missing is missing: the caller takes the yearly figure for it and says so.
 *
 * Times are instants: with Z or an offset, so that the hour that comes twice in autumn is two
 * hours; without one, UTC. One thread at a time per signal.
 */
#ifndef FR_CARBON_SIGNAL_H
#define FR_CARBON_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

typedef enum { FR_SIGNAL_NONE, FR_SIGNAL_AVERAGE, FR_SIGNAL_MARGINAL } fr_signal_kind;
const char *fr_signal_kind_name(fr_signal_kind kind); /* "average", "marginal"; "none" */

typedef struct fr_signal_provider fr_signal_provider;

typedef struct {
    const fr_signal_provider *provider; /* static */
    fr_signal_kind kind;
    const char *name;  /* "uk", static */
    char zone[64];     /* "GB", "FR"; of a file its name */
    char place[512];   /* URL without a slash at its end, or the file */
    const char *cache; /* folder; NULL: the user's; "": none */
} fr_signal_spec;
/** FR_E_USAGE: unknown name (nearest in the hint), no zone, no key in the environment. */
int fr_signal_spec_parse(const char *text, fr_signal_spec *out, fr_err *err);

typedef struct {
    int64_t start_unix_ns, end_unix_ns;
    double g_per_kwh; /* NAN: the provider has none for that time */
    bool estimated;   /* a forecast or estimate that may still change */
} fr_signal_point;

/** Points by time, without overlap. */
typedef struct {
    const char *name; /* of the provider, static */
    char zone[64];
    fr_signal_kind kind;
    fr_signal_point *at;
    size_t n, cap;
    bool stale;              /* from the cache, because nobody could be asked */
    int64_t fetched_unix_ns; /* of the oldest part; 0: nothing */
    char note[256];          /* why something is stale or missing; may be "" */
} fr_signal;
void fr_signal_fini(fr_signal *s);
FR_AUTO_DEFINE(fr_signal);

/**
 * Points that overlap a span. A server that does not answer is no error (note, stale); a file that
 * does not parse, and an answer that refuses us (key, zone) is: FR_E_FORMAT names row or key.
 */
int fr_signal_get(const fr_signal_spec *spec, int64_t from_unix_ns, int64_t to_unix_ns,
                  fr_signal *out, fr_err *err);

/** One answer of a provider's server (or a file's bytes), checked; for tests and fuzzing too. */
int fr_signal_parse(const fr_signal_spec *spec, fr_str body, fr_signal *out, fr_err *err);

/** Energy in a span of time; it is spread evenly over it. */
typedef struct {
    int64_t start_unix_ns, end_unix_ns;
    double energy_j;
} fr_signal_use;
typedef struct {
    double g_per_kwh;       /* weighted by energy, of the part that is covered; NAN: none is */
    double covered_ratio;   /* 0…1 of the energy */
    double estimated_ratio; /* of the covered part */
} fr_signal_mean;
fr_signal_mean fr_signal_apply(const fr_signal *s, const fr_signal_use *uses, size_t n);

/** Names, kinds and how each is written, for help and completion: NULL after the last. */
const char *fr_signal_name_at(size_t i, fr_signal_kind *kind, const char **how);

#endif
