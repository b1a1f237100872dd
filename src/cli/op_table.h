/** cli/op_table.h: operations by joules, for `frugal profile import` and --profile. */
#ifndef FR_CLI_OP_TABLE_H
#define FR_CLI_OP_TABLE_H

#include "cli/cli.h"
#include "profile/profile.h"

typedef struct {
    const fr_trace *trace; /* with joules laid over it */
    const fr_power *power;
    const fr_overlay_sums *sums;
} fr_op_table;

json_t *fr_op_table_json(const fr_op_table *t); /* owned */
/** top 0: all. */
void fr_op_table_text(const fr_op_table *t, size_t top, fr_buf *out);

#endif
