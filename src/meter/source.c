#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "meter/meter_priv.h"

/* A figure outlives the meter that it came from, so its source must too. Few: one a device. */
typedef struct interned {
    struct interned *next;
    char text[];
} interned;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static interned *all; /* guarded by lock */

const char *fr_source_f(const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    pthread_mutex_lock(&lock);
    interned *found = all;
    while (found != NULL && strcmp(found->text, text) != 0)
        found = found->next;
    if (found == NULL) {
        size_t n = strlen(text) + 1;
        found = fr_array(1, sizeof *found + n);
        memcpy(found->text, text, n);
        found->next = all;
        all = found;
    }
    pthread_mutex_unlock(&lock);
    return found->text;
}
