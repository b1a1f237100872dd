/**
 * carbon/statement.h: the account of an energy: every line beside the location-based one, each by
 * its own factor, none mixed with another.
 *
 *     fr_factors f = fr_factors_of(&place, 0);
 *     fr_statement s = fr_statement_of(energy.value_j, embodied_g, &f);
 *     printf("%.3g g location-based, %.3g g market-based\n", s.location_g, s.market_g);
 *
 * location  energy × PUE × the grid's average; ranks are made of this line and of no other
 * market    energy × PUE × what the contract says: stated, else the provider's claim to have
 * matched its use with renewable energy, else the location's figure (GHG Protocol, Scope 2
 *           Guidance, table 6.3: no instrument, no residual mix known), and which one it was
 * water     site: energy × the site's WUE; grid: energy × PUE × the grid's water (The Green Grid,
 *           WUE source; the same sum as EcoLogits 0.11's)
 * scopes    for who runs the work: on their own machine electricity is Scope 2 and making the
 *           machine Scope 3; in a cloud all of it is Scope 3, and the provider's Scope 2
 *
 * PUE is applied once. SCI for AI: Green Software Foundation, 2025.
 */
#ifndef FR_CARBON_STATEMENT_H
#define FR_CARBON_STATEMENT_H

#include "carbon/carbon.h"

/** Texts are static or interned. */
typedef struct {
    double pue, location_g_per_kwh;
    double market_g_per_kwh;
    const char *market_how; /* "stated", "provider's claim", "location" */
    const char *market_source;
    int market_year;             /* 0: none */
    double site_water_l_per_kwh; /* WUE; NAN: unknown */
    double grid_water_l_per_kwh;
    const char *water_source;
    int water_year;
    bool water_assumed; /* the world's average stands in */
    bool cloud;         /* somebody else's machine */
} fr_factors;

/** market_g_per_kwh: of the user's own contract; NAN or below 0: none was stated. */
fr_factors fr_factors_of(const fr_place *place, double market_g_per_kwh);

/** NAN is unknown, never 0. */
typedef struct {
    double location_g, market_g; /* operational */
    double water_site_l, water_grid_l;
    double water_l; /* of what is known; the site's may be missing */
    double scope2_location_g, scope2_market_g;
    double scope3_location_g, scope3_market_g; /* differ in a cloud only */
} fr_statement;
fr_statement fr_statement_of(double energy_j, double embodied_g, const fr_factors *f);

/**
 * SCI for AI: who uses a model counts its running (consumer), who makes it counts data, training
 * and integration (provider), each per unit of their own; the two are told side by side and never
 * added.
 */
typedef enum { FR_SCI_AI_NONE, FR_SCI_AI_CONSUMER, FR_SCI_AI_PROVIDER } fr_sci_ai_persona;
typedef struct {
    fr_sci_ai_persona persona;
    const char *unit; /* "token", "image", "flop", "parameter"…, static */
    const char *per;  /* "million tokens", "billion parameters", "1e18 FLOP": for people */
    double per_units;
    double g_per_unit, g_per;
} fr_sci_ai;
const char *fr_sci_ai_name(fr_sci_ai_persona persona); /* "consumer", "provider"; "none" */
/** "consumer", "provider"; NONE for anything else. */
fr_sci_ai_persona fr_sci_ai_parse(const char *name);
/** Whose boundary a run of the ledger falls in, by its kind and strategy-free name. */
fr_sci_ai_persona fr_sci_ai_of_kind(const char *kind);
/**
 * unit: as the specification lists them (plural is fine). FR_E_USAGE: it is none of the persona's,
 * or units is not above 0; the hint lists those there are.
 */
int fr_sci_for_ai(const fr_carbon *c, fr_sci_ai_persona persona, const char *unit, double units,
                  fr_sci_ai *out, fr_err *err);

#endif
