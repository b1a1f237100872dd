/**
 * carbon/carbon.h: joules to gCO2e: place, intensity, PUE, embodied share, SCI.
 *
 *     fr_place place = { 0 };
 *     FR_TRY(fr_place_resolve(&(fr_place_options){ .region = "aws:eu-north-1" }, &place, err));
 *     fr_embodied host = fr_embodied_of_this_host();
 *     fr_carbon c = fr_carbon_of(energy, &place, fr_embodied_g(&host, duration_s));
 *
 * Location-based always; one basis and one year per comparison; market-based figures are columns
 * beside. PUE is applied once. No place given: the world's average, labelled assumed.
 * Source of the method: SCI, ISO/IEC 21031:2024 (SCI = (E × I + M) per R).
 */
#ifndef FR_CARBON_CARBON_H
#define FR_CARBON_CARBON_H

#include <stdbool.h>
#include <stddef.h>
#include <frugal/figure.h>
#include "base/err.h"
#include "base/host.h"

typedef struct {
    const char *region;         /* "aws:eu-north-1", "eu-north-1" when only one provider has it */
    const char *zone;           /* "FR", "US-CAL-CISO" */
    double intensity_g_per_kwh; /* stated by the user; 0: not stated */
    double pue; /* stated by the user; 0: the region's, else 1.0: only the machine is counted */
} fr_place_options;

/** Texts are static or interned. */
typedef struct {
    const char *region, *provider, *country; /* NULL: unknown */
    const char *zone;                        /* "FR", "world" */
    double intensity_g_per_kwh, intensity_low, intensity_high;
    const char *basis; /* "consumption" or "generation", both location-based; "stated" */
    int year;
    const char *source;
    bool assumed; /* nobody said where */
    double pue;
    const char *pue_source;
    double wue_l_per_kwh; /* NAN: unknown */
} fr_place;

/**
 * Where the energy is drawn. A stated intensity wins over the region's or zone's; the region still
 * gives the PUE. Two-letter zones and regions are consumption-based (Electricity Maps), "world",
 * groups and three-letter countries generation-based (Ember); the basis travels with the figure.
 *
 * Returns FR_E_USAGE for unknown names, with the nearest one in the hint.
 */
int fr_place_resolve(const fr_place_options *options, fr_place *out, fr_err *err);

/** Grams. operational = energy × PUE × intensity. low/high carry energy's and grid's range. */
typedef struct {
    double operational_g, operational_low_g, operational_high_g;
    double embodied_g;
    double total_g;
} fr_carbon;
fr_carbon fr_carbon_of(fr_energy energy, const fr_place *place, double embodied_g);

/**
 * Embodied share [g] of a machine reserved for a time: total × reserved_s / lifetime × share.
 * share_ratio is the part of the machine that is ours (cores of all cores).
 */
typedef struct {
    double total_kg; /* making the whole machine */
    double total_low_kg, total_high_kg;
    double lifetime_s, lifetime_low_s, lifetime_high_s; /* 4 years; low: the shortest */
    double share_ratio;                                 /* 0…1 */
    const char *source;
} fr_embodied;
double fr_embodied_g(const fr_embodied *e, double reserved_s);
/** The same with the range: small machine and long life, big machine and short life. */
void fr_embodied_range_g(const fr_embodied *e, double reserved_s, double *low_g, double *high_g);
/** A machine, from named constants; a virtual one has its threads' share of the host. */
fr_embodied fr_embodied_of_host(const fr_host *host);
/** Adds n accelerators that are reserved whole (a machine's, or passed through to a virtual one).
 */
void fr_embodied_add_accelerators(fr_embodied *e, int n);
/** This machine. */
fr_embodied fr_embodied_of_this_host(void);

/** SCI = (E × I + M) / R; FR_E_USAGE when units is not above 0. */
int fr_sci(const fr_carbon *c, double units, double *g_per_unit, fr_err *err);

typedef struct {
    const char *provider; /* NULL: all */
    const char *within;   /* "FR,SE,DE": countries allowed; NULL: all */
    bool near;
    double lat, lon, max_km; /* max_km 0: no bound */
    const char *basis;       /* NULL: "consumption" (zones, 2025); "generation" (countries, 2024) */
    bool with_left_out;      /* also those that have no figure of the basis and year, at the end */
} fr_region_query;
typedef struct {
    const char *provider, *code, *country, *zone, *name;
    double intensity_g_per_kwh;
    const char *basis, *source;
    int year;
    double pue;            /* NAN: unknown */
    int renewable_matched; /* the provider's market-based claim: 1, 0, -1 unknown; changes no rank
                            */
    int renewable_matched_year;
    double distance_km;   /* NAN unless near */
    const char *left_out; /* why it is not ranked; NULL: it is */
} fr_region;
/**
 * Best (lowest intensity) first; one basis and one year all through; then the lower PUE, the
 * nearer, the name. Owned: free(*out). FR_E_USAGE: an unknown provider or country, nearest in the
 * hint.
 */
int fr_regions_rank(const fr_region_query *query, fr_region **out, size_t *n, fr_err *err);

#endif
