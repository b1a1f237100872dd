/** cli_train.h: what `frugal train` and `frugal tune` share: their result, and the run's end. */
#ifndef FR_CLI_CLI_TRAIN_H
#define FR_CLI_CLI_TRAIN_H

#include "cli/op_profile.h"
#include "train/train.h"

/** The stable keys of a training's result. */
json_t *fr_train_json(const fr_train_result *r, const fr_used *used, const char *out);
void fr_train_print(const fr_train_result *r, const fr_used *used, const char *out);
/** Ends the run and prints; the exit status. */
int fr_train_finish(fr_cli *cli, fr_run *run, fr_op_profile *profile, int rc,
                    const fr_train_result *r, const char *out, fr_err *err);

#endif
