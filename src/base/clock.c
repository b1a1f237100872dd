#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_MOST 8000000000 /* nanoseconds in 64 bits, with room for a sum */

static int64_t read_clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t fr_now_monotonic_ns(void)
{
    return read_clock_ns(CLOCK_MONOTONIC);
}

int64_t fr_now_unix_ns(void)
{
    return read_clock_ns(CLOCK_REALTIME);
}

double fr_cpu_self_s(void)
{
    return (double)read_clock_ns(CLOCK_PROCESS_CPUTIME_ID) * 1e-9;
}

void fr_sleep_ns(int64_t ns)
{
    struct timespec left = { ns / 1000000000, ns % 1000000000 };
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

void fr_time_text(int64_t unix_ns, char out[FR_TIME_TEXT])
{
    time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(out, FR_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

bool fr_time_parse(const char *text, int64_t *unix_ns)
{
    struct tm parts = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (end == NULL) {
        parts = (struct tm){ 0 };
        end = strptime(text, "%Y-%m-%d", &parts);
    }
    if (end == NULL || (strcmp(end, "") != 0 && strcmp(end, "Z") != 0))
        return false;
    int day = parts.tm_mday, second = parts.tm_sec;
    int64_t seconds = (int64_t)timegm(&parts);
    if (parts.tm_mday != day && second < 60)
        return false;                                      /* the 31st of February */
    if (seconds > SECONDS_MOST || seconds < -SECONDS_MOST) /* years 1716 to 2223 */
        return false;
    *unix_ns = seconds * 1000000000;
    return true;
}

bool fr_duration_parse(const char *text, double *seconds)
{
    static const struct {
        const char *name;
        double s;
    } UNITS[] = { { "", 1 },     { "s", 1 },    { "ms", 1e-3 }, { "m", 60 },
                  { "min", 60 }, { "h", 3600 }, { "d", 86400 } };
    char *end;
    double number = strtod(text, &end);
    while (end != text && *end == ' ')
        end++;
    for (size_t i = 0; end != text && i < sizeof UNITS / sizeof UNITS[0]; i++) {
        if (strcmp(end, UNITS[i].name) == 0 && number >= 0 && number < 1e9) {
            *seconds = number * UNITS[i].s;
            return true;
        }
    }
    return false;
}

void fr_duration_text(double seconds, char out[FR_TIME_TEXT])
{
    if (!(seconds >= 0) || seconds > 3e9)
        snprintf(out, FR_TIME_TEXT, "?");
    else if (seconds < 0.9995)
        snprintf(out, FR_TIME_TEXT, "%.0f ms", seconds * 1e3);
    else if (seconds < 59.95)
        snprintf(out, FR_TIME_TEXT, "%.1f s", seconds);
    else if (seconds < 3600)
        snprintf(out, FR_TIME_TEXT, "%d min %d s", (int)seconds / 60, (int)seconds % 60);
    else if (seconds < 48 * 3600.0)
        snprintf(out, FR_TIME_TEXT, "%d h %d min", (int)seconds / 3600, (int)seconds / 60 % 60);
    else
        snprintf(out, FR_TIME_TEXT, "%.1f days", seconds / 86400);
}

void fr_ulid(char out[FR_ULID_TEXT])
{
    static const char DIGITS[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford's base 32 */
    unsigned char bytes[16];
    uint64_t ms = (uint64_t)(fr_now_unix_ns() / 1000000);
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
    if (getrandom(bytes + 6, 10, 0) != 10) { /* only before the kernel's pool is ready */
        int64_t salt[2] = { fr_now_monotonic_ns(), (int64_t)getpid() };
        memcpy(bytes + 6, salt, 10);
    }
    /* 128 bits in 26 digits of 5: two zero bits lead. */
    for (int digit = 0; digit < 26; digit++) {
        int value = 0;
        for (int bit = 0; bit < 5; bit++) {
            int at = digit * 5 + bit - 2;
            int one = at >= 0 ? (bytes[at / 8] >> (7 - at % 8)) & 1 : 0;
            value = value * 2 + one;
        }
        out[digit] = DIGITS[value];
    }
    out[26] = '\0';
}
