/**
 * meter/served.h: how many tokens an inference engine has made, as its own metrics page counts
 * them: nothing stands between a client and the engine, and no request is seen.
 *
 *     FR_TRY(fr_served_open("http://localhost:8000", &engine, err));
 *     fr_served_counts now;
 *     if (fr_served_read(engine, &now, &err) == 0)
 *         …now.models[0].generated_tokens…
 *
 * Which engine it is shows in the names on the page: a row of the table in served.c. Ollama has no
 * such page in any release; what counts for it is a metrics proxy in front (two forms are rows).
 */
#ifndef FR_METER_SERVED_H
#define FR_METER_SERVED_H

#include "base/buf.h"

#define FR_SERVED_MODELS 8

typedef struct {
    char model[128];                        /* "" when the engine does not name it */
    double prompt_tokens, generated_tokens; /* counted since the engine started */
    double running;                         /* requests in the engine now; NAN: it does not say */
} fr_served_model;

typedef struct {
    const char *engine; /* "vllm", "tgi", "sglang", "llama-server", "ollama"; static */
    fr_served_model models[FR_SERVED_MODELS];
    size_t n_models; /* those beyond the room are added to the last */
} fr_served_counts;

/** Out of a page's text. FR_E_FORMAT: no names of a known engine on it. where: for the error. */
int fr_served_parse(fr_str text, const char *where, fr_served_counts *out, fr_err *err);

typedef struct fr_served fr_served;
/** url: of the page; /metrics is added to one without a path. FR_E_USAGE: no address. */
int fr_served_open(const char *url, fr_served **out, fr_err *err);
/** One GET, two seconds at most. FR_E_NETWORK, FR_E_LIMIT, FR_E_FORMAT. */
int fr_served_read(fr_served *e, fr_served_counts *out, fr_err *err);
/** The address without user and query. */
const char *fr_served_where(const fr_served *e);
void fr_served_close(fr_served *e); /* NULL is fine */

#endif
