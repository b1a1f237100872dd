/**
 * log.h: what a library may tell while it works: to a sink that the program sets once at start.
 * Without one, silence. Lines never carry prompts, keys or arguments.
 */
#ifndef FR_BASE_LOG_H
#define FR_BASE_LOG_H

#include "base/compiler.h"

typedef enum { FR_LOG_NONE, FR_LOG_WARN, FR_LOG_INFO, FR_LOG_DEBUG } fr_log_level;
typedef void (*fr_log_fn)(void *user, fr_log_level level, const char *line);

/** Set before threads start. Levels above max_level are dropped. */
void fr_log_to(fr_log_fn fn, void *user, fr_log_level max_level);
void fr_log(fr_log_level level, const char *fmt, ...) FR_PRINTF(2, 3);
/** The same line at most once a process (for labelled fallbacks). */
void fr_log_once(fr_log_level level, const char *fmt, ...) FR_PRINTF(2, 3);

#endif
