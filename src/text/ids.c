#include <stdlib.h>

#include "base/mem.h"
#include "text/tokenizer.h"

void fr_ids_put(fr_ids *ids, int32_t id)
{
    FR_GROW(ids->at, ids->n, ids->cap);
    ids->at[ids->n++] = id;
}

void fr_ids_clear(fr_ids *ids)
{
    ids->n = 0;
}

void fr_ids_fini(fr_ids *ids)
{
    free(ids->at);
    *ids = (fr_ids){ 0 };
}
