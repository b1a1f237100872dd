/* kernels_priv.h: what the rows share. */
#ifndef FR_KERNELS_PRIV_H
#define FR_KERNELS_PRIV_H

#include "kernels/kernels.h"

struct fr_packed {
    fr_format format;
    const uint8_t *data; /* borrowed */
    size_t n_out, n_in, row_bytes;
};

extern const fr_kernels fr_kernels_scalar;
#if defined(__x86_64__)
extern const fr_kernels fr_kernels_avx2, fr_kernels_avx512;
#endif

/* exp(x) = 2^n · e^r with n = x/ln2 rounded and |r| ≤ ln2/2: e^r by its Taylor series to r^7, whose
 * remainder there, r^8/8! < 6e-9, is below half a unit. Adding FR_EXP_ROUND rounds to an integer
 * and leaves it in the low bits; ln2 is in two pieces, the first short enough for n·HI to be exact.
 */
#define FR_EXP_LOWEST  -87.33f
#define FR_EXP_HIGHEST 88.37f
#define FR_EXP_LOG2E   1.44269504f
#define FR_EXP_ROUND   12582912.0f
#define FR_EXP_LN2_HI  0.693359375f
#define FR_EXP_LN2_LO  -2.12194440e-4f
static const float FR_EXP_SERIES[] = { 1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24,
                                       1.0f / 6,    1.0f / 2,   1.0f,       1.0f };

#endif
