/* Any bytes read as a bundle are refused, or checked with as many differences told as counted; no
 * file is made and nothing outside the bundle is read. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fr_bundle_report r;
    fr_err err = { 0 };
    char *lines = NULL;
    size_t n = 0, told = 0;
    FILE *out = open_memstream(&lines, &n);
    int rc = fr_bundle_verify((fr_str){ (const char *)data, size }, NULL, out, &r, &err);
    fclose(out);
    for (size_t i = 0; i < n; i++)
        told += lines[i] == '\n';
    if ((rc != 0 && err.what[0] == '\0') || (rc == 0 && told < r.n_wrong))
        abort();
    free(lines);
    return 0;
}
