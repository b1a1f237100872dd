/* packed_write.h: two ways from values to blocks. */
#ifndef FR_KERNELS_PACKED_WRITE_H
#define FR_KERNELS_PACKED_WRITE_H

#include "kernels/packed_blocks.h"

/** By search: least squared error, each value's error weighted; weights NULL: all alike. Any format
 * that has a packing. Not finite counts as 0 or as far as the format reaches. */
void fr_packed_fit(const fr_packing *p, const float *from, const float *weights, void *to,
                   size_t n);
/** By the published rule (the largest value sets the scale), to the bit: Q4_0, Q4_1, Q5_0, Q5_1. */
void fr_packed_rule(const fr_packing *p, const float *from, void *to, size_t n);

#endif
