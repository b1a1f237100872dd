/** train_ops_priv.h: the rows that train_ops.c chooses from. */
#ifndef FR_KERNELS_TRAIN_OPS_PRIV_H
#define FR_KERNELS_TRAIN_OPS_PRIV_H

#include "kernels/train_ops.h"

extern const fr_train_ops fr_train_ops_avx512, fr_train_ops_avx2, fr_train_ops_portable;

#endif
