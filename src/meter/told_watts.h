/**
 * told_watts.h: watts out of text of others: a meter at the wall, a board's controller.
 *
 *     fr_bmc_text bmc = { 0 };
 *     double w = fr_bmc_take_line(&bmc, fr_str_of("Instantaneous power reading: 220 Watts")); //
 * 220 fr_bmc_text_fini(&bmc);
 *
 * A machine that runs draws something: 0 is no reading, and what no machine draws is none.
 */
#ifndef FR_METER_TOLD_WATTS_H
#define FR_METER_TOLD_WATTS_H

#include <stdbool.h>
#include "base/buf.h"

/** The first number of a line; NAN: none, or one that no machine draws. */
double fr_told_watts(fr_str line);

/** What was told of a JSON document so far. Zeroed to begin with. */
typedef struct {
    fr_buf document;
    int depth; /* open brackets; 0: no document is open */
    bool in_string, is_escaped;
} fr_bmc_text;

/**
 * The next line; NAN while it tells no watts. Known: ipmitool dcmi power reading, ipmi-dcmi
 * --get-system-power-statistics, and three resources of Redfish (DSP0268), whose document may be
 * of many lines, a MiB in all: Power (PowerControl[0].PowerConsumedWatts), EnvironmentMetrics
 * (PowerWatts.Reading) and Sensor (Reading, ReadingUnits "W").
 */
double fr_bmc_take_line(fr_bmc_text *b, fr_str line);
/** What began does not go on: whatever told it has ended. */
void fr_bmc_text_break(fr_bmc_text *b);
void fr_bmc_text_fini(fr_bmc_text *b);

#endif
