#include "kernels/train_ops_priv.h"

const fr_train_ops *fr_train_ops_at(size_t i)
{
    const fr_train_ops *found[3];
    size_t n = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        found[n++] = &fr_train_ops_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        found[n++] = &fr_train_ops_avx2;
#endif
    found[n++] = &fr_train_ops_portable;
    return i < n ? found[i] : NULL;
}

const fr_train_ops *fr_train_ops_best(void)
{
    return fr_train_ops_at(0);
}
