/* Any bytes are a page, a DOCX, a text of some encoding: what comes out is well-formed UTF-8
 * without NULs, not much larger than what went in, and every offset lies inside the original and
 * rises with the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rag/documents_priv.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(const traced *t, size_t n)
{
    must(fr_utf8_valid(fr_buf_str(&t->text)));
    must(t->text.n == 0 || memchr(t->text.at, '\0', t->text.n) == NULL);
    for (size_t i = 0; i < t->n; i++) {
        must(t->offsets[i].source < n && t->offsets[i].text < t->text.n);
        must(i == 0 || t->offsets[i].text > t->offsets[i - 1].text);
        must(i == 0 || t->offsets[i].source >= t->offsets[i - 1].source);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_str all = { (const char *)bytes, n };
    FR_AUTO(traced) text = { 0 };
    FR_AUTO(traced) page = { 0 };
    FR_AUTO(fr_buf) title = { 0 };
    FR_AUTO(fr_buf) out = { 0 };
    size_t mark = 0;
    encoding e = encoding_of(all, &mark);
    must(mark <= n);
    traced_decode(&text, (fr_str){ all.at + mark, n - mark }, e, mark);
    check(&text, n);
    must(text.text.n <= 3 * n);
    html_text(fr_buf_str(&text.text), 0, &page, &title);
    check(&page, text.text.n);
    must(page.text.n <= 4 * text.text.n + 16);
    fr_buf_clear(&title);
    (void)docx_text(all, "fuzz", &out, &title, NULL);
    return 0;
}
