/**
 * cli/op_profile.h: --profile FILE of the commands that run our engine: each operation's time,
 * FLOPs, bytes and joules as a trace. The engine tells of operations, the run's meter of joules;
 * here they meet.
 *
 *     FR_TRY(fr_op_profile_open(cli, &profile, err));           NULL without --profile
 *     sink = fr_op_profile_sink(profile, fr_run_work(run));     passes work on
 *     fr_op_profile_begin(profile, run);                        joules from here
 *     … work …
 *     FR_TRY(fr_op_profile_end(profile, &summary, err));        before the run ends
 *     fr_op_profile_free(profile);
 */
#ifndef FR_CLI_OP_PROFILE_H
#define FR_CLI_OP_PROFILE_H

#include <frugal/work.h>
#include "cli/cli.h"

#define FR_OPTION_PROFILE                                                                          \
    {                                                                                              \
        "profile", 0, FR_OPTION_TEXT, "FILE",                                                      \
            "write time, FLOPs, bytes and joules of each operation there (Perfetto)"               \
    }

typedef struct fr_op_profile fr_op_profile;
typedef struct {
    size_t n_operations, n_dropped; /* dropped: beyond what is kept */
    double operations_s, steps_s;   /* of the caller's thread; of the steps around them */
    double operations_j, gaps_j, total_j;
} fr_op_profile_summary;

int fr_op_profile_open(fr_cli *cli, fr_op_profile **out, fr_err *err);
/** p NULL: `to` as it is. */
fr_work_sink fr_op_profile_sink(fr_op_profile *p, fr_work_sink to);
void fr_op_profile_begin(fr_op_profile *p, fr_run *run);
/** Writes the file. Nobody may work on any more. */
int fr_op_profile_end(fr_op_profile *p, fr_op_profile_summary *out, fr_err *err);
void fr_op_profile_free(fr_op_profile *p);
/** A line on stderr; the key "profile" of a JSON object. p NULL: nothing. */
void fr_op_profile_tell(fr_cli *cli, const fr_op_profile *p, const fr_op_profile_summary *s);
void fr_op_profile_json(const fr_op_profile *p, const fr_op_profile_summary *s, json_t *object);

#endif
