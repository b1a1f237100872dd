/* Any bytes read as training rows give at least one row whose texts lie in memory of their own, or
 * an error that says something.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "train/train.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char path[64];
    const int file = memfd_create("rows", 0);
    if (file < 0 || write(file, bytes, n) != (ssize_t)n)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    fr_rows rows = { 0 };
    fr_err err = { 0 };
    const int rc = fr_rows_read(path, &rows, &err);
    if (rc != 0 ? err.what[0] == '\0' : rows.n == 0)
        abort();
    size_t letters = 0;
    for (size_t i = 0; i < rows.n; i++) {
        for (size_t k = 0; k < rows.rows[i].input.n; k++)
            letters += rows.rows[i].input.at[k] == 'e';
        for (size_t k = 0; k < rows.rows[i].output.n; k++)
            letters += rows.rows[i].output.at[k] == 'e';
    }
    if (letters > n)
        abort();
    fr_rows_fini(&rows);
    close(file);
    return 0;
}
