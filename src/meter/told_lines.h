/**
 * told_lines.h: lines that a user's command or file tells, for sensors that have no interface of
 * their own. A command is started once and runs again when it ends, in a process group that is
 * ended with the meter and is no part of the metered tree; a file is read again each time.
 */
#ifndef FR_METER_TOLD_LINES_H
#define FR_METER_TOLD_LINES_H

#include "base/buf.h"
#include "meter/meter_priv.h"

typedef struct fr_stream fr_stream;

/** spec: "cmd:LINE" for /bin/sh, or "file:PATH"; every_s: between two runs or looks. NULL: neither.
 */
fr_stream *fr_stream_open(const char *spec, double every_s, fr_bench *bench);
/**
 * Takes what was told since the last call, newest line last, the last MiB of a file; does not wait.
 * take is called for every whole line, and with FR_STREAM_BREAK where a command ended or a file
 * did. A file that nobody has written for stale_s tells nothing (one of sysfs or proc is always
 * new); nor does what is no regular file, which could let us wait.
 */
#define FR_STREAM_BREAK "\036"
void fr_stream_read(fr_stream *s, double stale_s, void (*take)(void *user, fr_str line),
                    void *user);
void fr_stream_close(fr_stream *s);

#endif
