/* Any bytes are a classifier or an error; a classifier predicts one of its labels. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "classic/classic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static int fd = -1;
    char path[64];
    if (fd < 0)
        fd = memfd_create("classifier", 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (ftruncate(fd, (off_t)n) != 0 || pwrite(fd, bytes, n, 0) != (ssize_t)n)
        abort();
    fr_classifier *c = NULL;
    fr_err err = { 0 };
    int rc = fr_classifier_load(path, &c, &err);
    if (rc != 0) {
        if (err.what[0] == '\0' || c != NULL)
            abort();
        return 0;
    }
    size_t best = fr_classifier_predict(c, FR_STR("a refund for the parcel"), NULL);
    if (best >= fr_classifier_n_labels(c) || fr_classifier_label(c, best) == NULL)
        abort();
    fr_classifier_free(c);
    return 0;
}
