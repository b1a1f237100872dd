/* A board as one line of JSON, for a file that grows and for `frugal monitor --once --json`. */
#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "report/board.h"

static json_t *series_of(const fr_point *p)
{
    json_t *labels = json_object();
    for (size_t i = 0; i < p->n_labels; i++)
        json_object_set_new(labels, p->labels[i].key, json_string(p->labels[i].value));
    return json_pack("{s:s, s:o, s:f, s:s, s:s}", "name", p->series->name, "labels", labels,
                     "value", p->value, "unit", fr_series_ucum(p->series), "kind",
                     p->series->kind == FR_SERIES_COUNTER ? "counter" : "gauge");
}

void fr_board_put_line(const fr_board *b, const char *host, fr_buf *out)
{
    size_t n;
    char time[FR_TIME_TEXT];
    json_t *series = json_array();
    fr_board_lock(b);
    const fr_point *points = fr_board_points(b, &n);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(series, series_of(&points[i]));
    fr_time_text(fr_board_unix_ns(b), time);
    json_t *whole = json_pack("{s:i, s:s, s:f, s:s, s:o}", "schema", 1, "time", time, "interval_s",
                              fr_board_interval_s(b), "host", host, "series", series);
    fr_board_unlock(b);
    char *text = json_dumps(whole, JSON_COMPACT | JSON_REAL_PRECISION(10));
    json_decref(whole);
    if (text != NULL)
        fr_buf_put_f(out, "%s\n", text);
    free(text);
}
