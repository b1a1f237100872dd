/**
 * report/board.h: named series of a machine at one moment: what exporters send and `frugal top`
 * shows. A board holds points; each is a row of series.def with its labels and its value.
 *
 *     fr_board *board = fr_board_new();
 *     every interval:
 *         fr_board_begin(board, fr_now_unix_ns());
 *         fr_board_set(board, "CPUUtilization", 12.5, NULL, 0);
 *         fr_board_add(board, "frugal_energy_joules_total", joules,
 *                      FR_LABELS({ "device", "gpu-0" }, { "part", "work" }, { "method", "measured"
 * })); fr_board_put_reading(board, &window, place, …); fr_board_end(board);
 *     fr_openmetrics_put(board, &text);
 *
 * Gauges that are not set again between begin and end are gone; counters stay and never fall. What
 * is not finite is left out. Limit: 4,096 points; more are dropped and counted.
 *
 * Threads: one writer; readers (the exporters) any time, they wait while an interval is written.
 */
#ifndef FR_REPORT_BOARD_H
#define FR_REPORT_BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "carbon/carbon.h"
#include "meter/gauges.h"
#include "meter/meter.h"

typedef enum { FR_SERIES_NONE, FR_SERIES_GAUGE, FR_SERIES_COUNTER } fr_series_kind;
typedef enum {
    FR_UNIT_NONE,
    FR_UNIT_ONE,
    FR_UNIT_PERCENT,
    FR_UNIT_JOULES,
    FR_UNIT_WATTS,
    FR_UNIT_GRAMS,
    FR_UNIT_BYTES,
    FR_UNIT_SECONDS,
    FR_UNIT_HERTZ,
    FR_UNIT_CELSIUS
} fr_series_unit;

/** A row of series.def. Static. */
typedef struct {
    const char *name;
    fr_series_kind kind;
    fr_series_unit unit;
    const char *help;
} fr_series;
const fr_series *fr_series_all(size_t *n);
/** NULL: none of that name. */
const fr_series *fr_series_find(const char *name);
/** By the Unified Code for Units of Measure, as OTLP wants it: "%", "J", "By". Static. */
const char *fr_series_ucum(const fr_series *s);
/** As CloudWatch calls it: "Percent", "Bytes", "None". Static. */
const char *fr_series_cloudwatch_unit(const fr_series *s);

typedef struct {
    const char *key, *value; /* an empty or NULL value is no label */
} fr_label;
#define FR_LABELS(...)                                                                             \
    (const fr_label[]){ __VA_ARGS__ }, sizeof((const fr_label[]){ __VA_ARGS__ }) / sizeof(fr_label)
#define FR_LABELS_MOST 6

typedef struct {
    const fr_series *series;
    fr_label labels[FR_LABELS_MOST]; /* owned by the board */
    size_t n_labels;
    double value;
    double delta;          /* of a counter: since the interval before */
    int64_t start_unix_ns; /* of a counter: when it began at 0 */
    double total;          /* as fr_board_count() was last told */
    uint64_t hash;
    bool is_set; /* in this interval */
} fr_point;

typedef struct fr_board fr_board;
fr_board *fr_board_new(void);
void fr_board_free(fr_board *b);
FR_AUTOPTR_DEFINE(fr_board);

/** Takes the lock; unix_ns is the end of the interval. */
void fr_board_begin(fr_board *b, int64_t unix_ns, double interval_s);
void fr_board_set(fr_board *b, const char *name, double value, const fr_label *labels, size_t n);
/** Counters only; what is negative is not added. */
void fr_board_add(fr_board *b, const char *name, double delta, const fr_label *labels, size_t n);
/** A counter by its total: adds what it grew since the last time (all of it when it fell). */
void fr_board_count(fr_board *b, const char *name, double total, const fr_label *labels, size_t n);
void fr_board_end(fr_board *b);

/** Power, energy and carbon of a window of a meter: the whole machine, by device. */
void fr_board_put_reading(fr_board *b, const fr_reading *window, const fr_place *place,
                          double embodied_g);
void fr_board_put_gauges(fr_board *b, const fr_gauge *gauges, size_t n);

/** For readers: the lock is held between. */
void fr_board_lock(const fr_board *b);
void fr_board_unlock(const fr_board *b);
const fr_point *fr_board_points(const fr_board *b, size_t *n);
int64_t fr_board_unix_ns(const fr_board *b);
double fr_board_interval_s(const fr_board *b);
/** The value of the first point of that name whose label `key` is `of` (key NULL: any); NAN. */
double fr_board_value(const fr_board *b, const char *name, const char *key, const char *of);

/* ---- forms ---- */

typedef enum { FR_PROMETHEUS_TEXT, FR_OPENMETRICS } fr_exposition;
/**
 * Prometheus text format 0.0.4, or OpenMetrics 1.0 (which ends with "# EOF"). Names get
 * Prometheus's alphabet: [a-zA-Z_:][a-zA-Z0-9_:]*.
 */
void fr_exposition_put(const fr_board *b, fr_exposition form, fr_buf *out);
/** OTLP/HTTP 1.x as JSON: the body of a POST to /v1/metrics. host, version: of the resource. */
void fr_otlp_put(const fr_board *b, const char *host, fr_buf *out);
/** CloudWatch embedded metric format: one JSON object a line, a line for each set of labels. */
void fr_emf_put(const fr_board *b, const char *host, const char *name_space, fr_buf *out);
/**
 * Bodies of PutMetricData (AWS JSON 1.0), each of at most 1,000 metrics; counters as what they grew
 * in the interval. from: the point to begin with; returns the one to go on with, or 0.
 */
size_t fr_put_metric_data(const fr_board *b, const char *host, const char *name_space, size_t from,
                          fr_buf *out);
/** One JSON object in one line: time, interval_s, host, series[{name,labels,value,unit,kind}]. */
void fr_board_put_line(const fr_board *b, const char *host, fr_buf *out);

#endif
