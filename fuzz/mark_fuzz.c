/* Whatever a line holds, the mark that comes out has a known verb, a finite value, and a name that
 * is valid, printable UTF-8 without "/"; and a name that came out once comes out the same again. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include "run/marks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fr_mark_line mark, again;
    char line[FR_MARK_NAME + 16];
    fr_mark_parse((fr_str){ (const char *)data, n }, &mark);
    assert(mark.verb <= FR_MARK_SYNC && isfinite(mark.value));
    assert(strlen(mark.name) < sizeof mark.name && strchr(mark.name, '/') == NULL);
    for (const char *c = mark.name; *c != '\0'; c++)
        assert((unsigned char)*c >= ' ' && *c != 127);
    json_t *text = json_string(mark.name); /* NULL for what is not UTF-8 */
    assert(text != NULL);
    json_decref(text);
    if (mark.name[0] != '\0') {
        snprintf(line, sizeof line, "begin %s", mark.name);
        fr_mark_parse(fr_str_of(line), &again);
        assert(again.verb == FR_MARK_BEGIN && strcmp(again.name, mark.name) == 0);
    }
    return 0;
}
