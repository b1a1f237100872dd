/**
 * model/imatrix.h: how much each column of a matrix matters: the mean square of what is multiplied
 * with it, as llama.cpp's imatrix program collects it.
 */
#ifndef FR_MODEL_IMATRIX_H
#define FR_MODEL_IMATRIX_H

#include <stddef.h>
#include "base/buf.h"

typedef struct fr_imatrix fr_imatrix;

/** GGUF (tensors NAME.in_sum2) or the older .dat, whichever the file is. */
int fr_imatrix_open(const char *path, fr_imatrix **out, fr_err *err);
/** Takes nothing over: bytes may go after it. For tests and fuzzing. */
int fr_imatrix_parse(const void *bytes, size_t n, const char *name, fr_imatrix **out, fr_err *err);
void fr_imatrix_free(fr_imatrix *m);
FR_AUTOPTR_DEFINE(fr_imatrix);
size_t fr_imatrix_n(const fr_imatrix *m);
/** Importances of a tensor's columns, up to a common factor; NULL: none. Borrowed. */
const float *fr_imatrix_of(const fr_imatrix *m, fr_str tensor, size_t *n);

#endif
