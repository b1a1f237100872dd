#include "meter/told_watts.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

#define IMPOSSIBLE_W  200000.0
#define DOCUMENT_MOST ((size_t)1 << 20)
#define DEPTH_MOST    64

static double possible(double watts)
{
    return watts > 0 && watts <= IMPOSSIBLE_W ? watts : NAN;
}

double fr_told_watts(fr_str line)
{
    char text[256], *end, *at = text;
    snprintf(text, sizeof text, "%.*s", (int)FR_MIN(line.n, sizeof text - 1), line.at);
    while (*at != '\0' && !isdigit((unsigned char)*at) && *at != '-')
        at++;
    double watts = strtod(at, &end);
    return end != at ? possible(watts) : NAN;
}

static double number(const json_t *value)
{
    return json_is_number(value) ? possible(json_number_value(value)) : NAN;
}

/* Of a chassis with several controls the first is the chassis; the others are parts of it. */
static double of_redfish(const json_t *document)
{
    const json_t *controls = json_object_get(document, "PowerControl");
    const json_t *environment = json_object_get(document, "PowerWatts");
    const char *unit = json_string_value(json_object_get(document, "ReadingUnits"));
    for (size_t i = 0; i < json_array_size(controls); i++) {
        double w = number(json_object_get(json_array_get(controls, i), "PowerConsumedWatts"));
        if (!isnan(w))
            return w;
    }
    double w = number(json_object_get(document, "PowerConsumedWatts"));
    if (isnan(w))
        w = number(json_object_get(environment, "Reading"));
    if (isnan(w) && unit != NULL && strcmp(unit, "W") == 0)
        w = number(json_object_get(document, "Reading"));
    return w;
}

static double of_document(fr_str text)
{
    json_t *document = json_loadb(text.at, text.n, 0, NULL);
    double w = of_redfish(document);
    json_decref(document);
    return w;
}

/* Keeps count of open brackets outside of strings. */
static void follow(fr_bmc_text *b, fr_str line)
{
    for (size_t i = 0; i < line.n; i++) {
        char c = line.at[i];
        if (b->is_escaped)
            b->is_escaped = false;
        else if (b->in_string && c == '\\')
            b->is_escaped = true;
        else if (c == '"')
            b->in_string = !b->in_string;
        else if (!b->in_string)
            b->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    }
}

void fr_bmc_text_break(fr_bmc_text *b)
{
    fr_buf_clear(&b->document);
    b->depth = 0;
    b->in_string = b->is_escaped = false;
}

static double take_part(fr_bmc_text *b, fr_str line)
{
    b->document.limit_bytes = DOCUMENT_MOST;
    fr_buf_put(&b->document, line.at, line.n);
    fr_buf_put(&b->document, "\n", 1);
    follow(b, line);
    bool is_whole = b->depth <= 0, is_wrong = b->document.full || b->depth > DEPTH_MOST;
    double w = is_whole && !is_wrong ? of_document(fr_buf_str(&b->document)) : NAN;
    if (is_whole || is_wrong)
        fr_bmc_text_break(b);
    return w;
}

double fr_bmc_take_line(fr_bmc_text *b, fr_str line)
{
    static const char *const NAMES[] = { "Instantaneous power reading", "Current Power" };
    line = fr_str_trim(line);
    if (b->depth > 0 || fr_str_starts(line, fr_str_of("{")) || fr_str_starts(line, fr_str_of("[")))
        return take_part(b, line);
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        fr_str name = fr_str_of(NAMES[i]);
        if (fr_str_starts(line, name))
            return fr_told_watts((fr_str){ line.at + name.n, line.n - name.n });
    }
    return NAN;
}

void fr_bmc_text_fini(fr_bmc_text *b)
{
    fr_buf_fini(&b->document);
}
