/* Whatever the bytes are: characters cover them without a gap, what is called valid is what decodes
 * without a replacement, characters encode to their own bytes, and folding stays valid. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_str text = { (const char *)bytes, n };
    size_t at = 0, first_bad = n;
    while (at < n) {
        uint32_t c = 0;
        char back[4];
        size_t step = fr_utf8_next((fr_str){ text.at + at, n - at }, &c);
        must(step >= 1 && step <= 4 && at + step <= n);
        bool bad = c == 0xFFFD && step == 1;
        if (bad && first_bad == n)
            first_bad = at;
        if (!bad)
            must(fr_utf8_put(c, back) == step && memcmp(back, text.at + at, step) == 0);
        at += step;
    }
    must(fr_utf8_valid_prefix(text) == first_bad);
    must(fr_utf8_valid(text) == (first_bad == n));
    size_t tail = fr_utf8_incomplete_tail(text);
    must(tail <= 3 && tail <= n);
    FR_AUTO(fr_buf) folded = { 0 };
    fr_utf8_fold(text, &folded);
    if (fr_utf8_valid(text))
        must(fr_utf8_valid(fr_buf_str(&folded)));
    return 0;
}
