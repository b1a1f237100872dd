/* Any bytes read as a template give a template or an error with its place; rendering it never
 * crashes, ends, and stays inside its limits of steps, memory and output. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/jinja.h"

#define OUTPUT_BYTES ((size_t)64 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fr_jinja_options options = { .name = "t",
                                 .steps = 20000,
                                 .depth = 300,
                                 .now_s = 1,
                                 .memory_bytes = (size_t)4 << 20,
                                 .output_bytes = OUTPUT_BYTES };
    fr_jinja *t = NULL;
    fr_buf out = { 0 };
    fr_err err = { 0 };
    if (size != 0) { /* the first byte picks the options */
        options.strict = (data[0] & 1) != 0;
        options.keep_newlines = (data[0] & 2) != 0;
    }
    json_t *vars = json_pack("{s:i,s:s,s:[i,i,s],s:{s:s,s:[i]},s:n,s:b,s:f}", "n", 7, "s",
                             "Hello, W\xC3\xB6rld", "xs", 3, 1, "b", "d", "k", "v", "list", 1,
                             "nil", "yes", 1, "f", 2.5);
    int rc = fr_jinja_new((fr_str){ (const char *)data, size }, &options, &t, &err);
    if (rc == 0)
        rc = fr_jinja_render(t, vars, &out, &err);
    if (rc != 0 && (strncmp(err.what, "t:", 2) != 0 || out.n != 0))
        abort();
    if (rc == 0 && out.n > OUTPUT_BYTES)
        abort();
    fr_buf_clear(&out);
    if (fr_jinja_format((fr_str){ (const char *)data, size }, "t", vars, &out, &err) != 0 &&
        out.n != 0)
        abort();
    json_decref(vars);
    fr_buf_fini(&out);
    fr_jinja_free(t);
    return 0;
}
