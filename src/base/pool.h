/**
 * pool.h: one persistent pool of threads that parks: at rest it wakes up zero times.
 *
 * Work is split into n items; which thread takes which item is never visible in the result,
 * because an item writes only what is its own.
 *
 *     fr_pool_run(pool, n_rows, row_range, &args);
 */
#ifndef FR_BASE_POOL_H
#define FR_BASE_POOL_H

#include <stddef.h>
#include "base/err.h"

typedef struct fr_pool fr_pool;

/** threads counts the caller too: 1 starts none. 0 means one per processor we may run on. */
int fr_pool_new(int threads, fr_pool **out, fr_err *err);
void fr_pool_free(fr_pool *pool);
FR_AUTOPTR_DEFINE(fr_pool);
int fr_pool_threads(const fr_pool *pool); /* NULL: 1 */

/** fn(args, first, end, thread): items first…end-1, run by thread number 0…threads-1. */
typedef void (*fr_pool_fn)(void *args, size_t first, size_t end, int thread);

/**
 * Runs all n items and returns when they are done; the caller works too. pool NULL: inline.
 * Items are handed out in contiguous chunks, one per thread, so each thread sees the same items at
 * every call. One caller at a time per pool; not to be called from inside fn.
 */
void fr_pool_run(fr_pool *pool, size_t n, fr_pool_fn fn, void *args);

#endif
