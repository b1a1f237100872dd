/**
 * text/schema.h: a JSON schema as a grammar, so that a generated text is valid by construction.
 *
 *     FR_TRY(fr_schema_parse(FR_STR("{\"enum\": [1, 2]}"), &grammar, err));
 *     fr_request request = { .prompt = …, .sampling.grammar = grammar };
 *
 * Every text of the grammar is JSON and valid under the schema (JSON Schema 2020-12, and the forms
 * of drafts 4 to 2019 for the same things). Not every valid text is one of the grammar's:
 *
 * - properties come in the schema's order, the others (if additionalProperties lets them) last;
 *   an object with `properties` has no others unless additionalProperties says so;
 * - between tokens stands nothing, a space, or a line end with up to 20 blanks;
 * - integers have up to 18 digits, numbers up to 16 before and behind the point and an exponent of
 *   two; escapes of surrogates and of NUL are not written;
 * - format date knows the years 1000 to 9999.
 *
 * Understood: type (also a list, and OpenAPI's nullable), enum, const, properties, required,
 * additionalProperties, unevaluatedProperties false, minProperties, maxProperties, items,
 * prefixItems (items as a list with additionalItems), minItems, maxItems, minLength, maxLength,
 * pattern, format (date, time, date-time, uuid, ipv4, email), minimum, maximum, exclusiveMinimum,
 * exclusiveMaximum (integers: any; numbers: whole bounds), anyOf, oneOf (of which no two can hold
 * at once), allOf, $ref (inside the schema, also recursive), $defs, definitions; annotations are
 * passed over. A pattern has literals, classes, groups, | * + ? {m,n}, and ^ and $ at its ends.
 * Anything else is refused by its name: a text that merely might be valid is of no use.
 */
#ifndef FR_TEXT_SCHEMA_H
#define FR_TEXT_SCHEMA_H

#include "base/buf.h"
#include "base/err.h"
#include "text/grammar.h"

/** As fr_schema_grammar() and fr_grammar_parse(). */
int fr_schema_parse(fr_str schema, fr_grammar **out, fr_err *err);

/**
 * The schema's grammar (GBNF, see grammar.h) is appended to gbnf. Limits: 1 MiB of schema, schemas
 * 128 deep, 512 ways of allOf times anyOf; what the grammar allows in rules and nodes.
 * Errors name the place, as #/properties/age: FR_E_FORMAT for what is no schema or not understood,
 * or when no text can satisfy it; FR_E_LIMIT.
 */
int fr_schema_grammar(fr_str schema, fr_buf *gbnf, fr_err *err);

#endif
