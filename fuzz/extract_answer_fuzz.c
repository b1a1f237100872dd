/* A question and passages of any bytes (parted by NUL): the answer is a piece of one passage. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "classic/classic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static double same(void *user, fr_str term)
{
    (void)user;
    return (double)term.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_str rest = { (const char *)bytes, n < 2000 ? n : 2000 }, part[4] = { { 0 } };
    size_t n_parts = 0, at;
    while (n_parts < 4 && fr_str_next(&rest, '\0', &part[n_parts]))
        n_parts++;
    if (n_parts < 2)
        return 0;
    FR_AUTO(fr_buf) out = { 0 };
    fr_extract_answer(NULL, part[0], part + 1, n_parts - 1, same, NULL, &out);
    bool found = out.n == 0;
    for (size_t i = 1; i < n_parts && !found; i++)
        found = fr_str_find(part[i], fr_buf_str(&out), &at);
    if (!found)
        abort();
    return 0;
}
