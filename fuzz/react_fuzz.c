/* A step that is read out of any bytes lies inside them, and so does the answer found in them. */
#include <stdint.h>
#include <stdlib.h>

#include "prompt/techniques.h"

static void inside(fr_str part, const char *from, size_t n)
{
    if (part.n != 0 && (part.at < from || part.at + part.n > from + n))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *text = (const char *)bytes;
    static const fr_str LABELS[] = { { "spam", 4 }, { "ham", 3 } };
    fr_react_step step;
    fr_react_read((fr_str){ text, n }, &step);
    inside(step.thought, text, n);
    inside(step.argument, text, n);
    if (!fr_str_is(step.tool, "finish"))
        inside(step.tool, text, n);
    inside(fr_answer_extract(FR_TASK_ANSWER, NULL, 0, (fr_str){ text, n }), text, n);
    fr_answer_extract(FR_TASK_LABEL, LABELS, 2, (fr_str){ text, n });
    return 0;
}
