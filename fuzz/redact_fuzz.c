/* Any words as a command line give one printable line in which no `--api-key` value stands. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    enum { WORDS = 8 };
    if (memmem(bytes, n, "Q7zq", 4) != NULL) /* the fuzzer says it itself, where it is no secret */
        return 0;
    const char *argv[WORDS + 3] = { 0 };
    char *text = fr_dup_n((const char *)bytes, n);
    size_t words = 0;
    for (size_t i = 0; i < n && words < WORDS; i += strlen(text + i) + 1) /* cut at each NUL */
        argv[words++] = text + i;
    argv[words++] = "--api-key";
    argv[words++] = "Q7zq-the-secret";
    FR_AUTO(fr_buf) line = { 0 };
    fr_ledger_redact(argv, &line);
    if (strstr(fr_buf_text(&line), "Q7zq") != NULL)
        abort();
    for (size_t i = 0; i < line.n; i++)
        if ((unsigned char)line.at[i] < ' ')
            abort();
    free(text);
    return 0;
}
