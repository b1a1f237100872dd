/* arch_priv.h: the table of architectures, between its rows and what reads them. */
#ifndef FR_MODEL_ARCH_PRIV_H
#define FR_MODEL_ARCH_PRIV_H

#include "model/arch.h"

extern const fr_arch fr_arch_rows[];
extern const size_t fr_arch_n_rows;

#endif
