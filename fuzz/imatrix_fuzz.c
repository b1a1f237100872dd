/* Any bytes read as an importance matrix give finite importances, none negative, that are found by
 * their names, or an error that says something. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/imatrix.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_imatrix *m = NULL;
    fr_err err = { 0 };
    if (fr_imatrix_parse(bytes, n, "fuzz", &m, &err) != 0) {
        if (err.what[0] == '\0')
            abort();
        return 0;
    }
    size_t columns = 0;
    const float *values = fr_imatrix_of(m, FR_STR("a"), &columns);
    for (size_t i = 0; values != NULL && i < columns; i++)
        if (!(values[i] >= 0 && isfinite(values[i])))
            abort();
    if (fr_imatrix_n(m) == 0)
        abort();
    fr_imatrix_free(m);
    return 0;
}
