/**
 * carbon/carbon.h: joules to gCO2e: place, intensity, PUE, embodied share, SCI.
 *
 *     fr_place place = { 0 };
 *     FR_TRY(fr_place_resolve(&(fr_place_options){ .region = "aws:eu-north-1" }, &place, err));
 *     fr_carbon c = fr_carbon_of(energy, &place, fr_embodied_of_host(&host, duration_s));
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

typedef struct {
    const char *region;         /* "aws:eu-north-1", "eu-north-1" when only one provider has it */
    const char *zone;           /* "FR", "US-CAL-CISO" */
    double intensity_g_per_kwh; /* stated by the user; 0: not stated */
    double pue; /* stated by the user; 0: the region's, else 1.0 when on premises unknown */
} fr_place_options;

/** Texts are static or interned. */
typedef struct {
    const char *region, *provider, *country; /* NULL: unknown */
    const char *zone;                        /* "FR", "world" */
    double intensity_g_per_kwh, intensity_low, intensity_high;
    const char *basis; /* "generation" or "consumption", location-based; "stated" */
    int year;
    const char *source;
    bool assumed; /* nobody said where */
    double pue;
    const char *pue_source;
    double wue_l_per_kwh; /* NAN: unknown */
} fr_place;

/** FR_E_USAGE for unknown names, with the nearest one in the hint. */
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
    double total_kg;    /* making the whole machine */
    double lifetime_s;  /* 4 years unless the table says otherwise */
    double share_ratio; /* 0…1 */
    const char *source;
} fr_embodied;
double fr_embodied_g(const fr_embodied *e, double reserved_s);
/** This machine, from its processor's row or a named default by core count. */
fr_embodied fr_embodied_of_this_host(void);

/** SCI = (E × I + M) / R; FR_E_USAGE when units is not above 0. */
int fr_sci(const fr_carbon *c, double units, double *g_per_unit, fr_err *err);

typedef struct {
    const char *provider; /* NULL: all */
    const char *within;   /* "FR,SE,DE": countries allowed; NULL: all */
    bool near;
    double lat, lon, max_km; /* max_km 0: no bound */
} fr_region_query;
typedef struct {
    const char *provider, *code, *country, *zone, *name;
    double intensity_g_per_kwh;
    const char *basis, *source;
    int year;
    double pue;             /* NAN: unknown */
    bool renewable_matched; /* market-based claim of the provider; changes no rank */
    double distance_km;     /* NAN unless near */
} fr_region;
/** Best (lowest intensity) first; one basis and one year all through. Owned: free(*out). */
int fr_regions_rank(const fr_region_query *query, fr_region **out, size_t *n, fr_err *err);

#endif
