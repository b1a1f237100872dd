#include "base/csv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIELDS_MAX 4096

void fr_csv_init(fr_csv *csv, fr_str bytes, const char *name)
{
    *csv = (fr_csv){ .rest = bytes, .name = name, .next_line = 1 };
    if (fr_str_starts(bytes, FR_STR("\xEF\xBB\xBF")))
        csv->rest = (fr_str){ bytes.at + 3, bytes.n - 3 };
}

void fr_csv_fini(fr_csv *csv)
{
    free(csv->fields);
    fr_buf_fini(&csv->text);
    *csv = (fr_csv){ 0 };
}

static char separator_of(const fr_csv *csv)
{
    return csv->separator != '\0' ? csv->separator : ',';
}

static bool ends_field(const fr_csv *csv, char c)
{
    return c == separator_of(csv) || c == '\n' || c == '\r';
}

/* Passes over LF or CRLF (a lone CR counts too); false when none stands there. */
static bool skip_line_end(fr_csv *csv)
{
    fr_str *rest = &csv->rest;
    size_t n = 0;
    if (rest->n != 0 && rest->at[0] == '\n')
        n = 1;
    else if (rest->n != 0 && rest->at[0] == '\r')
        n = rest->n > 1 && rest->at[1] == '\n' ? 2 : 1;
    rest->at += n;
    rest->n -= n;
    csv->next_line += n != 0;
    return n != 0;
}

/* A field behind its opening quote, up to and with the closing one. Its text goes to csv->text. */
static int read_quoted(fr_csv *csv, fr_err *err)
{
    fr_str *rest = &csv->rest;
    while (rest->n != 0) {
        const char *quote = memchr(rest->at, '"', rest->n);
        size_t n = quote != NULL ? (size_t)(quote - rest->at) : rest->n;
        for (size_t i = 0; i < n; i++)
            csv->next_line += rest->at[i] == '\n';
        fr_buf_put(&csv->text, rest->at, n);
        rest->at += n;
        rest->n -= n;
        if (quote == NULL)
            break;
        rest->at++, rest->n--;
        if (rest->n == 0 || rest->at[0] != '"')
            return 0;
        fr_buf_put_c(&csv->text, '"');
        rest->at++, rest->n--;
    }
    return fr_fail(err, FR_E_FORMAT, "Close it, or double a quote that belongs to the text.",
                   "%s:%zu: the quote that opens here is never closed", csv->name, csv->line);
}

static void read_plain(fr_csv *csv)
{
    fr_str *rest = &csv->rest;
    size_t n = 0;
    while (n < rest->n && !ends_field(csv, rest->at[n]))
        n++;
    fr_buf_put(&csv->text, rest->at, n);
    rest->at += n;
    rest->n -= n;
}

int fr_csv_next(fr_csv *csv, const fr_str **fields, size_t *n, fr_err *err)
{
    *n = 0;
    while (skip_line_end(csv))
        ;
    csv->n = 0;
    csv->line = csv->next_line;
    fr_buf_clear(&csv->text);
    if (csv->rest.n == 0)
        return 0;
    for (bool more = true; more;) {
        if (csv->n == FIELDS_MAX)
            return fr_fail(err, FR_E_FORMAT, NULL, "%s:%zu: more than %d fields in a row",
                           csv->name, csv->line, FIELDS_MAX);
        FR_GROW(csv->fields, csv->n, csv->cap);
        size_t from = csv->text.n;
        if (csv->rest.n != 0 && csv->rest.at[0] == '"') {
            csv->rest.at++, csv->rest.n--;
            FR_TRY(read_quoted(csv, err));
            if (csv->rest.n != 0 && !ends_field(csv, csv->rest.at[0]))
                return fr_fail(err, FR_E_FORMAT, "Double a quote that belongs to the text.",
                               "%s:%zu: text stands behind a closing quote", csv->name, csv->line);
        } else {
            read_plain(csv);
        }
        /* offsets for now: the text may move while it grows */
        csv->fields[csv->n++] = (fr_str){ (const char *)(uintptr_t)from, csv->text.n - from };
        more = csv->rest.n != 0 && csv->rest.at[0] == separator_of(csv);
        if (more)
            csv->rest.at++, csv->rest.n--;
    }
    skip_line_end(csv);
    const char *text = fr_buf_text(&csv->text);
    for (size_t i = 0; i < csv->n; i++)
        csv->fields[i].at = text + (uintptr_t)csv->fields[i].at;
    *fields = csv->fields;
    *n = csv->n;
    return 0;
}

void fr_csv_put(fr_buf *out, fr_str field)
{
    bool quote = false;
    for (size_t i = 0; i < field.n && !quote; i++)
        quote = strchr(",\"\r\n", field.at[i]) != NULL;
    if (!quote) {
        fr_buf_put_str(out, field);
        return;
    }
    fr_buf_put_c(out, '"');
    for (size_t i = 0; i < field.n; i++) {
        if (field.at[i] == '"')
            fr_buf_put_c(out, '"');
        fr_buf_put_c(out, field.at[i]);
    }
    fr_buf_put_c(out, '"');
}
