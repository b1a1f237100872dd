/* Any bytes: what a board's controller is said to tell is nothing, or watts that a machine may
 * draw. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "meter/told_watts.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_bmc_text b = { 0 };
    fr_str rest = { (const char *)bytes, n }, line;
    while (rest.at != NULL && fr_str_next(&rest, '\n', &line)) {
        double w = fr_bmc_take_line(&b, line), wall = fr_told_watts(line);
        if ((!isnan(w) && !(w > 0 && w <= 200000)) || (!isnan(wall) && !(wall > 0)))
            abort();
        if (fr_str_is(line, "\036"))
            fr_bmc_text_break(&b);
    }
    fr_bmc_text_fini(&b);
    return 0;
}
