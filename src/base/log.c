#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* The one piece of process-wide state of the library: where lines go. Set once, before threads. */
static struct {
    fr_log_fn fn;
    void *user;
    fr_log_level max_level;
    pthread_mutex_t lock; /* guards seen */
    uint64_t seen[256];
    size_t n_seen;
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER };

void fr_log_to(fr_log_fn fn, void *user, fr_log_level max_level)
{
    sink.fn = fn;
    sink.user = user;
    sink.max_level = max_level;
}

static void FR_PRINTF(3, 0) format_line(char *line, size_t size, const char *fmt, va_list args)
{
    vsnprintf(line, size, fmt, args);
}

void fr_log(fr_log_level level, const char *fmt, ...)
{
    if (sink.fn == NULL || level > sink.max_level)
        return;
    char line[1024];
    va_list args;
    va_start(args, fmt);
    format_line(line, sizeof(line), fmt, args);
    va_end(args);
    sink.fn(sink.user, level, line);
}

void fr_log_once(fr_log_level level, const char *fmt, ...)
{
    if (sink.fn == NULL || level > sink.max_level)
        return;
    char line[1024];
    va_list args;
    va_start(args, fmt);
    format_line(line, sizeof(line), fmt, args);
    va_end(args);
    uint64_t hash = fr_hash64(line, strlen(line), 0);
    pthread_mutex_lock(&sink.lock);
    int known = 0;
    for (size_t i = 0; i < sink.n_seen && !known; i++)
        known = sink.seen[i] == hash;
    if (!known && sink.n_seen < FR_COUNT_OF(sink.seen))
        sink.seen[sink.n_seen++] = hash;
    pthread_mutex_unlock(&sink.lock);
    if (!known)
        sink.fn(sink.user, level, line);
}
