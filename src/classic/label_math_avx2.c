#if defined(__x86_64__)
#include "classic/label_math_body.h"

const label_math LABEL_MATH_AVX2 = { scores, add, best };
#else
typedef int label_math_is_portable_here;
#endif
