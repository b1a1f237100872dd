/* Any bytes are what an extractor learned, or an error; with it, an answer is a piece of a passage.
 */
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
        fd = memfd_create("extractor", 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (ftruncate(fd, (off_t)n) != 0 || pwrite(fd, bytes, n, 0) != (ssize_t)n)
        abort();
    fr_extractor *e = NULL;
    fr_err err = { 0 };
    if (fr_extractor_load(path, &e, &err) != 0) {
        if (err.what[0] == '\0' || e != NULL)
            abort();
        return 0;
    }
    const fr_str passage = FR_STR("Otter Bridge was built in 1706 by Linnet Treadgold.");
    FR_AUTO(fr_buf) out = { 0 };
    size_t at;
    fr_extract_answer(e, FR_STR("Who built Otter Bridge?"), &passage, 1, NULL, NULL, &out);
    if (!fr_str_find(passage, fr_buf_str(&out), &at))
        abort();
    fr_extractor_free(e);
    return 0;
}
