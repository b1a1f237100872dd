/* Any bytes are a finite number or an error that says where; a number that is written as people do
 * reads as itself again. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "prompt/calculator.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    double value = NAN, again = NAN;
    char text[32];
    fr_err err = { 0 };
    if (fr_calculate((fr_str){ (const char *)bytes, n }, &value, &err) != 0) {
        if (err.what[0] == '\0')
            abort();
        return 0;
    }
    if (!isfinite(value))
        abort();
    fr_number_text(value, text);
    if (fr_calculate(fr_str_of(text), &again, NULL) != 0 ||
        fabs(again - value) > 1e-9 + 1e-11 * fabs(value))
        abort();
    return 0;
}
