#if defined(__x86_64__)
#define LANES      8
#define TABLE      fr_train_ops_avx2
#define TABLE_NAME "avx2"
#include "kernels/train_ops_body.h"
#endif
