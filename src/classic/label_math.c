#include "classic/label_math_body.h"

const label_math LABEL_MATH_PORTABLE = { scores, add, best };

const label_math *label_math_here(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return &LABEL_MATH_AVX2;
#endif
    return &LABEL_MATH_PORTABLE;
}
