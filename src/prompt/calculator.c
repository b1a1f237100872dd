#include "prompt/calculator.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_BYTES 1000
#define MOST_DEPTH 64

typedef struct {
    fr_str text;
    size_t at;
    int depth;
    fr_err *err;
} reader;

static int sum(reader *r, double *out);

static void skip_blanks(reader *r)
{
    while (r->at < r->text.n && isspace((unsigned char)r->text.at[r->at]))
        r->at++;
}

/* The next sign, when it is this one. */
static bool takes(reader *r, const char *sign)
{
    skip_blanks(r);
    size_t n = strlen(sign);
    if (r->text.n - r->at < n || memcmp(r->text.at + r->at, sign, n) != 0)
        return false;
    r->at += n;
    return true;
}

static int unexpected(const reader *r)
{
    if (r->at >= r->text.n)
        return fr_fail(r->err, FR_E_FORMAT, NULL, "the expression ends too early");
    size_t n = FR_MIN(r->text.n - r->at, (size_t)12);
    return fr_fail(r->err, FR_E_FORMAT, NULL, "'%.*s' at place %zu is no arithmetic", (int)n,
                   r->text.at + r->at, r->at + 1);
}

static char byte_at(const reader *r, size_t at)
{
    return at < r->text.n ? r->text.at[at] : '\0';
}

static bool digit_at(const reader *r, size_t at)
{
    return isdigit((unsigned char)byte_at(r, at)) != 0;
}

static bool group_follows(const reader *r, size_t at)
{
    return byte_at(r, at) == ',' && digit_at(r, at + 1) && digit_at(r, at + 2) &&
           digit_at(r, at + 3) && !digit_at(r, at + 4);
}

static int number(reader *r, double *out)
{
    char text[64];
    size_t n = 0;
    for (;;) {
        char c = byte_at(r, r->at);
        bool exponent = (c == 'e' || c == 'E') && n > 0 &&
                        (digit_at(r, r->at + 1) ||
                         ((byte_at(r, r->at + 1) == '-' || byte_at(r, r->at + 1) == '+') &&
                          digit_at(r, r->at + 2)));
        if (n >= sizeof(text) - 2)
            return fr_fail(r->err, FR_E_LIMIT, NULL, "a number has more than %zu digits", n);
        if (group_follows(r, r->at) && n > 0) {
            r->at++;
            continue;
        }
        if (!isdigit((unsigned char)c) && c != '.' && !exponent)
            break;
        text[n++] = c;
        r->at++;
        if (exponent)
            text[n++] = r->text.at[r->at++];
    }
    return fr_str_to_f64((fr_str){ text, n }, out) ? 0 : unexpected(r);
}

typedef struct {
    const char *name;
    double (*one)(double); /* NULL: of several */
} function;

static int arguments(reader *r, const function *f, double *out)
{
    if (!takes(r, "("))
        return unexpected(r);
    size_t n = 0;
    do {
        double value = 0;
        FR_TRY(sum(r, &value));
        bool smaller = f->name[1] == 'i'; /* min */
        if (n == 0 || (f->one == NULL && (smaller ? value < *out : value > *out)))
            *out = value;
        n++;
    } while (takes(r, ","));
    if (!takes(r, ")") || (f->one != NULL && n != 1))
        return unexpected(r);
    if (f->one != NULL)
        *out = f->one(*out);
    return 0;
}

static int name(reader *r, double *out)
{
    static const function FUNCTIONS[] = {
        { "sqrt", sqrt }, { "abs", fabs }, { "floor", floor }, { "ceil", ceil }, { "round", round },
        { "ln", log },    { "exp", exp },  { "log", log10 },   { "min", NULL },  { "max", NULL },
    };
    size_t n = 0;
    while (isalpha((unsigned char)byte_at(r, r->at + n)))
        n++;
    fr_str word = { r->text.at + r->at, n };
    if (fr_str_is(word, "pi") || fr_str_is(word, "e")) {
        *out = word.n == 2 ? acos(-1) : exp(1);
        r->at += n;
        return 0;
    }
    for (size_t i = 0; i < FR_COUNT_OF(FUNCTIONS); i++) {
        if (fr_str_is(word, FUNCTIONS[i].name)) {
            r->at += n;
            return arguments(r, &FUNCTIONS[i], out);
        }
    }
    return unexpected(r);
}

static int atom(reader *r, double *out)
{
    skip_blanks(r);
    while (takes(r, "$") || takes(r, "\xe2\x82\xac") || takes(r, "\xc2\xa3")) {
    }
    char c = byte_at(r, r->at);
    if (takes(r, "(")) {
        FR_TRY(sum(r, out));
        return takes(r, ")") ? 0 : unexpected(r);
    }
    if (isdigit((unsigned char)c) || c == '.')
        return number(r, out);
    return isalpha((unsigned char)c) ? name(r, out) : unexpected(r);
}

static int power(reader *r, double *out)
{
    if (++r->depth > MOST_DEPTH)
        return fr_fail(r->err, FR_E_LIMIT, NULL, "the expression is nested too deeply");
    bool minus = takes(r, "-");
    int rc = 0;
    if (minus || takes(r, "+")) {
        rc = power(r, out);
        if (rc == 0 && minus)
            *out = -*out;
    } else {
        rc = atom(r, out);
        if (rc == 0 && (takes(r, "**") || takes(r, "^"))) {
            double exponent = 0;
            rc = power(r, &exponent);
            if (rc == 0)
                *out = pow(*out, exponent);
        }
    }
    r->depth--;
    return rc;
}

static int product(reader *r, double *out)
{
    FR_TRY(power(r, out));
    for (;;) {
        double next = 0;
        if (takes(r, "*") || takes(r, "\xc3\x97")) { /* × */
            FR_TRY(power(r, &next));
            *out *= next;
        } else if (takes(r, "/") || takes(r, "\xc3\xb7")) { /* ÷ */
            FR_TRY(power(r, &next));
            *out /= next;
        } else if (takes(r, "%")) {
            FR_TRY(power(r, &next));
            *out = fmod(*out, next);
        } else {
            return 0;
        }
    }
}

static int sum(reader *r, double *out)
{
    FR_TRY(product(r, out));
    for (;;) {
        double next = 0;
        if (takes(r, "+")) {
            FR_TRY(product(r, &next));
            *out += next;
        } else if (takes(r, "-") || takes(r, "\xe2\x88\x92")) { /* − */
            FR_TRY(product(r, &next));
            *out -= next;
        } else {
            return 0;
        }
    }
}

int fr_calculate(fr_str expression, double *out, fr_err *err)
{
    if (expression.n > MOST_BYTES)
        return fr_fail(err, FR_E_LIMIT, NULL, "the expression has more than %d characters",
                       MOST_BYTES);
    reader r = { .text = fr_str_trim(expression), .err = err };
    double value = 0;
    FR_TRY(sum(&r, &value));
    skip_blanks(&r);
    if (r.at < r.text.n)
        return unexpected(&r);
    if (!isfinite(value))
        return fr_fail(err, FR_E_FAILED, NULL, "the value is no finite number");
    *out = value;
    return 0;
}

void fr_number_text(double value, char out[32])
{
    if (fabs(value) >= 1e15 || (value != 0 && fabs(value) < 1e-6)) {
        snprintf(out, 32, "%.12g", value);
        return;
    }
    snprintf(out, 32, "%.9f", value);
    size_t n = strlen(out);
    while (n > 0 && out[n - 1] == '0')
        out[--n] = '\0';
    if (n > 0 && out[n - 1] == '.')
        out[--n] = '\0';
    if (strcmp(out, "-0") == 0)
        snprintf(out, 32, "0");
}
