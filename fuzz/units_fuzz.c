/* Any bytes read as a CSV of units give units with a name, a value above 0 and a time that ends
 * after it begins; or an error that names the file, and none. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fr_unit *units = NULL;
    size_t n = 0;
    fr_err err = { 0 };
    int rc = fr_units_parse("u.csv", (fr_str){ (const char *)data, size }, &units, &n, &err);
    if (rc != 0 && (n != 0 || strstr(err.what, "u.csv") == NULL))
        abort();
    for (size_t i = 0; i < n; i++)
        if (fr_unit_check(&units[i], &err) != 0)
            abort();
    fr_units_free(units, n);
    return 0;
}
