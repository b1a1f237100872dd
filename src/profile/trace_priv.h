/* Shared between the readers of traces. */
#ifndef FR_PROFILE_TRACE_PRIV_H
#define FR_PROFILE_TRACE_PRIV_H

#include "profile/profile.h"

/** September 2001: smaller times count from something else than 1970. */
#define FR_TRACE_UNIX_LEAST_NS 1000000000000000000

/** Perfetto's own format. out is filled as far as it was read, also on failure. */
int fr_trace_read_perfetto(const char *path, fr_trace *out, fr_err *err);

#endif
