/** clock.h: time, and names made of time (ULID). Unit in the name, always. */
#ifndef FR_BASE_CLOCK_H
#define FR_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t fr_now_monotonic_ns(void);
int64_t fr_now_unix_ns(void);
double fr_cpu_self_s(void); /* user and system time of this process, all threads */
void fr_sleep_ns(int64_t ns);

#define FR_TIME_TEXT 32
/** ISO 8601 in UTC, to the second: 2026-11-22T18:55:06Z. */
void fr_time_text(int64_t unix_ns, char out[FR_TIME_TEXT]);
/** The reverse; also accepts a bare date. Years 1716 to 2223: others do not fit. */
bool fr_time_parse(const char *text, int64_t *unix_ns);
/** "30s", "500ms", "5m", "2h", "1d" or bare seconds; false for anything else or below 0. */
bool fr_duration_parse(const char *text, double *seconds);
/** "850 ms", "12.3 s", "4 min 10 s", "2 h 5 min" for people. */
void fr_duration_text(double seconds, char out[FR_TIME_TEXT]);

#define FR_ULID_TEXT 27
/** A sortable identifier: 48 bits of milliseconds, 80 random bits (github.com/ulid/spec). */
void fr_ulid(char out[FR_ULID_TEXT]);

#endif
