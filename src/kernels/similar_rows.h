/* similar_rows.h: the rows of similar.h's table. */
#ifndef FR_KERNELS_SIMILAR_ROWS_H
#define FR_KERNELS_SIMILAR_ROWS_H

#include "kernels/similar.h"

extern const fr_similar fr_similar_scalar;
#if defined(__x86_64__)
extern const fr_similar fr_similar_avx2, fr_similar_avx512;
#endif

#endif
