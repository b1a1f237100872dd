/* Unicode normal forms (UAX 15) of a text before it is cut into tokens, by utf8proc. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/text_priv.h"
#include "text/utf8.h"

static const struct {
    const char *name;
    utf8proc_option_t options;
} FORMS[] = {
    { "nfc", UTF8PROC_STABLE | UTF8PROC_COMPOSE },
    { "nfd", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE },
    { "nfkc", UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT },
    { "nfkd", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT },
};

static const utf8proc_option_t *find(const char *form)
{
    for (size_t i = 0; i < FR_COUNT_OF(FORMS); i++)
        if (strcmp(FORMS[i].name, form) == 0)
            return &FORMS[i].options;
    return NULL;
}

int fr_normal_form_check(const char *form, fr_err *err)
{
    return find(form) != NULL ? 0
                              : fr_fail(err, FR_E_UNSUPPORTED, "Known are nfc, nfd, nfkc and nfkd.",
                                        "the normal form '%.20s' is not supported", form);
}

static bool is_ascii(fr_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.at[i] >= 0x80)
            return false;
    return true;
}

bool fr_normal_form(const char *form, fr_str text, fr_buf *out)
{
    const utf8proc_option_t *options = find(form);
    if (options == NULL || is_ascii(text))
        return false;
    while (text.n > 0) {
        size_t valid = fr_utf8_valid_prefix(text);
        utf8proc_uint8_t *made = NULL;
        utf8proc_ssize_t n = valid == 0 ? 0
                                        : utf8proc_map((const utf8proc_uint8_t *)text.at,
                                                       (utf8proc_ssize_t)valid, &made, *options);
        if (n > 0)
            fr_buf_put(out, made, (size_t)n);
        free(made);
        if (n < 0)
            fr_buf_put(out, text.at, valid); /* no memory: as it was */
        if (valid < text.n)
            fr_buf_put_c(out, text.at[valid++]);
        text = (fr_str){ text.at + valid, text.n - valid };
    }
    return true;
}
