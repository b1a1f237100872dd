/* JSON and YAML as Python reads and writes them, so that LangChain's files mean and look the same.
 *
 * Reading: plain scalars are what PyYAML's safe_load takes them for (YAML 1.1: yes and no, octal,
 * sexagesimal), but dates stay text. Aliases are refused (base/doc.h).
 * Writing: json.dumps(indent=…) with ensure_ascii; yaml.dump(default_flow_style=False) with sorted
 * keys, by libyaml, whose emitter PyYAML's was made after.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/doc.h"
#include "base/mem.h"
#include "prompt/prompt_file_priv.h"
#include "text/utf8.h"

/* ---- reading ----------------------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool take_digits(const char **at, const char *set)
{
    size_t n = strspn(*at, set);
    *at += n;
    return n > 0;
}

/* [-+]?0b…, 0x…, 0…, decimal with _, or 1:30:00 to the base of sixty. */
static bool whole_number(const char *text, long long *out)
{
    char digits[64];
    size_t n = 0;
    const char *at = text + (*text == '-' || *text == '+');
    long long sign = *text == '-' ? -1 : 1;
    for (const char *c = at; *c != '\0'; c++)
        if (*c != '_') {
            if (n + 1 == sizeof(digits))
                return false;
            digits[n++] = *c;
        }
    digits[n] = '\0';
    char *end = NULL;
    if (n == 0 || !isdigit((unsigned char)at[0]))
        return false;
    if (strchr(digits, ':') != NULL) {
        long long sum = 0;
        const char *d = digits;
        if (*d == '0')
            return false;
        for (bool first = true;; first = false) {
            long long part = strtoll(d, &end, 10);
            if (end == d || (!first && (part > 59 || end - d > 2)) || sum > 1000000000000)
                return false;
            sum = sum * 60 + part;
            if (*end == '\0')
                break;
            if (*end != ':')
                return false;
            d = end + 1;
        }
        *out = sign * sum;
        return true;
    }
    int base = 10;
    const char *d = digits;
    if (strncmp(d, "0b", 2) == 0 || strncmp(d, "0x", 2) == 0) {
        base = d[1] == 'b' ? 2 : 16;
        d += 2;
    } else if (d[0] == '0' && n > 1) {
        base = 8;
        d++;
    }
    static const char SETS[] = "0123456789abcdefABCDEF";
    const char *check = d;
    char set[sizeof(SETS)];
    snprintf(set, sizeof(set), "%.*s", base == 16 ? (int)sizeof(SETS) - 1 : base, SETS);
    if (!take_digits(&check, set) || *check != '\0' || strlen(d) > 18)
        return false;
    *out = sign * strtoll(d, &end, base);
    return true;
}

/* 12:30:45.5 */
static bool base_sixty(const char *at, double sign, double *out)
{
    double sum = 0;
    for (bool first = true;; first = false) {
        char *end = NULL;
        size_t n = strspn(at, "0123456789");
        bool last = at[n] == '.';
        double part = strtod(at, &end);
        if (n == 0 || (!first && (n > 2 || part >= 60)) || (!last && at[n] != ':') ||
            (last && (first || end[strspn(end, "_")] != '\0')))
            return false;
        sum = sum * 60 + (last ? part : floor(part));
        if (last)
            break;
        at += n + 1;
    }
    *out = sign * sum;
    return true;
}

/* With a point, and a sign in the exponent if there is one. */
static bool real_number(const char *text, double *out)
{
    static const char *const INFINITE[] = { ".inf", ".Inf", ".INF", NULL };
    const char *at = text + (*text == '-' || *text == '+');
    double sign = *text == '-' ? -1 : 1;
    if (is_one_of(at, INFINITE)) {
        *out = sign * HUGE_VAL;
        return true;
    }
    char digits[64];
    size_t n = 0;
    bool point = false;
    if (!isdigit((unsigned char)*at) &&
        (at != text || *at != '.' || !isdigit((unsigned char)at[1])))
        return false; /* no sign before a point */
    if (strchr(at, ':') != NULL)
        return base_sixty(at, sign, out);
    for (; *at != '\0'; at++) {
        if (*at == '_')
            continue;
        if (n + 1 == sizeof(digits))
            return false;
        if (*at == '.') {
            if (point)
                return false;
            point = true;
        } else if (*at == 'e' || *at == 'E') {
            if (!point || (at[1] != '-' && at[1] != '+') || !isdigit((unsigned char)at[2]))
                return false;
            digits[n++] = *at++;
        } else if (!isdigit((unsigned char)*at)) {
            return false;
        }
        digits[n++] = *at;
    }
    digits[n] = '\0';
    char *end = NULL;
    *out = sign * strtod(digits, &end);
    return point && n > 1 && *end == '\0';
}

static json_t *scalar_of(const fr_node *node)
{
    static const char *const NONE[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const YES[] = { "yes",  "Yes", "YES", "true", "True",
                                       "TRUE", "on",  "On",  "ON",   NULL };
    static const char *const NO[] = { "no",    "No",  "NO",  "false", "False",
                                      "FALSE", "off", "Off", "OFF",   NULL };
    const char *text = node->text;
    long long whole = 0;
    double real = 0;
    if (!node->quoted) {
        if (is_one_of(text, NONE))
            return json_null();
        if (is_one_of(text, YES))
            return json_true();
        if (is_one_of(text, NO))
            return json_false();
        if (whole_number(text, &whole))
            return json_integer(whole);
        if (real_number(text, &real) && isfinite(real))
            return json_real(real);
    }
    return json_string(text);
}

static json_t *tree_of(const fr_node *node)
{
    if (node->kind == FR_NODE_SCALAR)
        return scalar_of(node);
    json_t *out = node->kind == FR_NODE_MAP ? json_object() : json_array();
    for (size_t i = 0; i < node->n; i++) {
        if (node->kind == FR_NODE_MAP)
            json_object_set_new(out, node->at[i]->key, tree_of(node->at[i]));
        else
            json_array_append_new(out, tree_of(node->at[i]));
    }
    return out;
}

int fr_saved_parse_yaml(fr_str text, const char *name, json_t **out, fr_err *err)
{
    FR_AUTOPTR(fr_doc) doc = NULL;
    if (fr_doc_parse(text.at, text.n, name, &doc, err) != 0) {
        if (err != NULL) {
            err->code = FR_E_FORMAT;
            err->hint[0] = '\0';
        }
        return FR_E_FORMAT;
    }
    *out = tree_of(fr_doc_root(doc));
    return 0;
}

int fr_saved_parse(fr_str text, const char *name, json_t **out, fr_err *err)
{
    json_error_t error;
    if (!fr_str_ends(fr_str_of(name), FR_STR(".json")))
        return fr_saved_parse_yaml(text, name, out, err);
    *out = json_loadb(text.n != 0 ? text.at : "", text.n, JSON_DECODE_ANY, &error);
    return *out != NULL ? 0
                        : fr_fail(err, FR_E_FORMAT, NULL, "%s:%d:%d: %s", name, error.line,
                                  error.column, error.text);
}

/* ---- JSON as Python writes it ------------------------------------------------------------ */

static void put_json_text(fr_buf *out, fr_str s)
{
    static const char *const SHORT[] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\b'] = "\\b", ['\f'] = "\\f",
        ['\n'] = "\\n", ['\r'] = "\\r",  ['\t'] = "\\t"
    };
    fr_buf_put_c(out, '"');
    while (s.n > 0) {
        uint32_t c = 0;
        size_t step = fr_utf8_next(s, &c);
        if (c < FR_COUNT_OF(SHORT) && SHORT[c] != NULL) {
            fr_buf_put_s(out, SHORT[c]);
        } else if (c >= 0x20 && c < 0x7F) {
            fr_buf_put_c(out, (char)c);
        } else if (c < 0x10000) {
            fr_buf_put_f(out, "\\u%04x", (unsigned)c);
        } else {
            c -= 0x10000;
            fr_buf_put_f(out, "\\u%04x\\u%04x", 0xD800 + (unsigned)(c >> 10),
                         0xDC00 + (unsigned)(c & 0x3FF));
        }
        s = (fr_str){ s.at + step, s.n - step };
    }
    fr_buf_put_c(out, '"');
}

/* repr() of a float: the fewest digits that give it again. */
static void put_real(fr_buf *out, double v)
{
    char text[64];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, v);
        if (strtod(text, NULL) == v)
            break;
    }
    int exponent = atoi(strchr(text, 'e') + 1);
    size_t n = strcspn(text, "e") - (v < 0), digits = n > 1 ? n - 1 : 1;
    if (exponent < -4 || exponent >= 16) {
        char mantissa[64];
        snprintf(mantissa, sizeof(mantissa), "%.*s", (int)strcspn(text, "e"), text);
        fr_buf_put_f(out, "%se%c%02d", mantissa, exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    int decimals = FR_MAX((int)digits - 1 - exponent, 1);
    fr_buf_put_f(out, "%.*f", decimals, v);
}

static void put_line(fr_buf *out, int indent, size_t depth)
{
    fr_buf_put_c(out, '\n');
    for (size_t i = 0; i < (size_t)indent * depth; i++)
        fr_buf_put_c(out, ' ');
}

static void put_json(const json_t *v, int indent, size_t depth, fr_buf *out)
{
    const char *key;
    json_t *each;
    size_t i = 0, n = json_is_object(v) ? json_object_size(v) : json_array_size(v);
    switch (json_typeof(v)) {
    case JSON_STRING:
        put_json_text(out, fr_json_str(v));
        return;
    case JSON_INTEGER:
        fr_buf_put_f(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        return;
    case JSON_REAL:
        put_real(out, json_real_value(v));
        return;
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    default:
        fr_buf_put_s(out, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
        return;
    }
    fr_buf_put_c(out, json_is_object(v) ? '{' : '[');
    if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, key, each)
        {
            fr_buf_put_s(out, i++ != 0 ? "," : "");
            put_line(out, indent, depth + 1);
            put_json_text(out, fr_str_of(key));
            fr_buf_put_s(out, ": ");
            put_json(each, indent, depth + 1, out);
        }
    } else {
        json_array_foreach((json_t *)(uintptr_t)v, i, each)
        {
            fr_buf_put_s(out, i != 0 ? "," : "");
            put_line(out, indent, depth + 1);
            put_json(each, indent, depth + 1, out);
        }
    }
    if (n != 0)
        put_line(out, indent, depth);
    fr_buf_put_c(out, json_is_object(v) ? '}' : ']');
}

void fr_saved_put_json(const json_t *o, int indent, fr_buf *out)
{
    put_json(o, indent, 0, out);
}

/* ---- YAML as PyYAML writes it ------------------------------------------------------------ */

static int take_bytes(void *user, unsigned char *bytes, size_t n)
{
    fr_buf_put(user, bytes, n);
    return 1;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Text that a plain scalar would be taken for something else, or the other way round. */
static bool is_plain_text(const char *text)
{
    const fr_node node = { .kind = FR_NODE_SCALAR, .text = text };
    json_t *v = scalar_of(&node);
    bool plain = json_is_string(v);
    json_decref(v);
    double real = 0;
    if (strcmp(text, "=") == 0 || strcmp(text, "<<") == 0 || strcmp(text, ".nan") == 0 ||
        strcmp(text, ".NaN") == 0 || strcmp(text, ".NAN") == 0 || real_number(text, &real))
        plain = false;
    size_t sign = *text == '-' || *text == '+';
    if (isdigit((unsigned char)text[sign]) &&
        strspn(text + sign, text[sign] == '0' ? "01234567_" : "0123456789_") == strlen(text + sign))
        plain = false; /* too large a number to be one here */
    /* dates: 2026-11-29 and longer */
    if (strlen(text) >= 8 && strspn(text, "0123456789") == 4 && text[4] == '-' &&
        strspn(text, "0123456789-:.TtZz+ \t") == strlen(text))
        plain = false;
    return plain;
}

static int emit_scalar(yaml_emitter_t *e, const char *text, size_t n, bool is_text)
{
    yaml_event_t event;
    bool plain = !is_text || is_plain_text(text);
    return yaml_scalar_event_initialize(&event, NULL, (yaml_char_t *)"tag:yaml.org,2002:str",
                                        (yaml_char_t *)(uintptr_t)text, (int)n, plain, is_text,
                                        YAML_ANY_SCALAR_STYLE) &&
           yaml_emitter_emit(e, &event);
}

static int emit(yaml_emitter_t *e, const json_t *v);

static int emit_map(yaml_emitter_t *e, const json_t *v)
{
    yaml_event_t event;
    const char **keys = FR_NEW_N(const char *, json_object_size(v) + 1), *key;
    json_t *each;
    size_t n = 0;
    json_object_foreach((json_t *)(uintptr_t)v, key, each) keys[n++] = key;
    fr_sort(keys, n, sizeof(*keys), by_key);
    int good =
        yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) &&
        yaml_emitter_emit(e, &event);
    for (size_t i = 0; good && i < n; i++)
        good =
            emit_scalar(e, keys[i], strlen(keys[i]), true) && emit(e, json_object_get(v, keys[i]));
    free(keys);
    return good && yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static int emit(yaml_emitter_t *e, const json_t *v)
{
    yaml_event_t event;
    if (json_is_object(v))
        return emit_map(e, v);
    if (json_is_string(v))
        return emit_scalar(e, json_string_value(v), json_string_length(v), true);
    if (!json_is_array(v)) {
        FR_AUTO(fr_buf) text = { 0 };
        put_json(v, 0, 0, &text);
        return emit_scalar(e, fr_buf_text(&text), text.n, false);
    }
    int good =
        yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE) &&
        yaml_emitter_emit(e, &event);
    for (size_t i = 0; good && i < json_array_size(v); i++)
        good = emit(e, json_array_get(v, i));
    return good && yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

int fr_saved_put_yaml(const json_t *o, fr_buf *out, fr_err *err)
{
    yaml_emitter_t e;
    yaml_event_t event;
    if (!yaml_emitter_initialize(&e))
        return fr_fail(err, FR_E_NO_MEMORY, NULL, "no memory to write YAML");
    yaml_emitter_set_output(&e, take_bytes, out);
    yaml_emitter_set_unicode(&e, 0);
    int good = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
               yaml_emitter_emit(&e, &event) &&
               yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
               yaml_emitter_emit(&e, &event) && emit(&e, o) &&
               yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&e, &event) &&
               yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&e, &event);
    int rc = good ? 0
                  : fr_fail(err, FR_E_FAILED, NULL, "cannot write YAML: %s",
                            e.problem != NULL ? e.problem : "it does not fit");
    yaml_emitter_delete(&e);
    return rc;
}
