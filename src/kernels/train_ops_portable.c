#define LANES      4
#define TABLE      fr_train_ops_portable
#define TABLE_NAME "portable"
#include "kernels/train_ops_body.h"
