#if defined(__x86_64__)
#define LANES      16
#define TABLE      fr_train_ops_avx512
#define TABLE_NAME "avx512"
#include "kernels/train_ops_body.h"
#endif
