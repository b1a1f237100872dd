/* past_priv.h: shared by the readers of recorded series. */
#ifndef FR_METER_PAST_PRIV_H
#define FR_METER_PAST_PRIV_H

#include "meter/past.h"

/** The device with that key, made when it is new; NULL beyond 4,096 of them. */
fr_past_device *fr_past_device_of(fr_past *past, const char *key);
void fr_past_add(fr_past_device *device, const fr_past_sample *sample);
void fr_past_wrong(fr_past *past, const char *fmt, ...) FR_PRINTF(2, 3);
/** FR_E_FORMAT when too much was passed over to trust the rest. */
int fr_past_check(const fr_past *past, const char *name, fr_err *err);
/** A cell of data/instances.csv; "ml.c5.xlarge" is SageMaker's name of c5.xlarge. */
bool fr_past_instance_f64(const char *instance, const char *column, double *out);
/**
 * "2026/11/22 18:55:06.123" and "2026-11-22 18:55:06" in the zone of TZ; with Z or +01:00 behind,
 * that one's; or seconds since 1970. after_ns: the row before, for the hour that comes twice; 0:
 * none.
 */
bool fr_past_time(fr_str text, int64_t after_ns, int64_t *unix_ns);

#endif
