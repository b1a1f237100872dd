/* dense_priv.h: between dense.c and hybrid.c. */
#ifndef FR_RAG_DENSE_PRIV_H
#define FR_RAG_DENSE_PRIV_H

#include "rag/dense.h"

/** The vector of a hit of its index: to [dim]; false when there is none. */
bool dense_vector_of(const fr_dense *d, const fr_hit *hit, float *to);

#endif
