/** report_priv.h: shared between the report's own files. */
#ifndef FR_REPORT_PRIV_H
#define FR_REPORT_PRIV_H

#include "report/report.h"

/* ---- wording.c: numbers and texts as people read them; unknown is a dash, never NaN ---- */

#define FR_WORD 48
void fr_word_j(double joules, char out[FR_WORD]);  /* "12.3 kJ" */
void fr_word_wh(double joules, char out[FR_WORD]); /* "3.42 Wh" of joules */
void fr_tick_j(double joules, char out[FR_WORD]);  /* "10 kJ", for round numbers */
void fr_tick_wh(double joules, char out[FR_WORD]);
void fr_word_g(double grams, char out[FR_WORD]); /* "5.1 g", "1.20 kg" */
void fr_word_s(double seconds, char out[FR_WORD]);
void fr_word_count(double n, char out[FR_WORD]); /* "365 000", "1.2 million" */
void fr_word_short(double n, char out[FR_WORD]); /* "365k", for axes */
void fr_word_score(double v, char out[FR_WORD]); /* "0.714" */
/** Text into HTML content or a quoted attribute. Control characters become spaces. */
void fr_put_escaped(fr_buf *out, const char *text);
void fr_put_escaped_n(fr_buf *out, const char *text, size_t most_characters);
size_t fr_characters(const char *text);
/** Bytes of a control character or a mark of writing direction that begins here; 0: neither. */
size_t fr_unprintable(const char *at);

/* ---- view.c: a verdict read once, tolerant of what is not there ---- */

typedef enum { FR_MET_UNDECIDED, FR_MET_YES, FR_MET_NO } fr_met;

/** Texts are borrowed from the JSON, "" when absent; numbers are NAN when absent or no number. */
typedef struct {
    const char *name, *strategy, *model, *method, *grade, *status, *reason, *artifact;
    bool chosen, reused;
    bool reaches; /* the score itself, whatever its interval */
    fr_met met;
    double quality, ci_low, ci_high, n;
    double build_j, load_j, evaluate_j, request_j, request_active_j, horizon_j;
    double request_low_j, request_high_j, horizon_low_j, horizon_high_j;
    double predicted_j, predicted_low_j, predicted_high_j;
    double carbon_build_g, carbon_request_g, carbon_horizon_g;
    double cpu_s, cpu_s_request, cpu_s_horizon, request_s;
} fr_view_rung;

typedef struct {
    const char *task, *metric, *chosen, *run, *hosting;
    const fr_view_rung *winner; /* NULL: none */
    bool demonstration, lower_is_better, modelled;
    double target, requests, requests_per_day, days, idle_power_w;
    double break_even_requests;
    fr_view_rung *rungs;
    size_t n;
    const json_t *json;
} fr_view;

void fr_view_init(fr_view *view, const json_t *verdict);
void fr_view_fini(fr_view *view);
FR_AUTO_DEFINE(fr_view);
double fr_json_number_at(const json_t *object, const char *path); /* "horizon.days" */
const char *fr_json_text_at(const json_t *object, const char *path);
/** Energy of a rung for a number of requests over the horizon, as the hosting says. */
double fr_view_horizon_j(const fr_view *v, const fr_view_rung *r, double requests);
/** One word for a rung's standing: "met", "below target", "budget"… Static or borrowed. */
const char *fr_view_standing(const fr_view_rung *r);
bool fr_view_has_score(const fr_view_rung *r);

/* ---- chart.c: axes, ticks, labels that keep out of each other's way ---- */

typedef void (*fr_word_fn)(double v, char out[FR_WORD]);

/** The plot's rectangle in SVG units and what its edges stand for. */
typedef struct {
    double left, top, right, bottom;
    double x_low, x_high, y_low, y_high;
    bool x_log, y_log;
} fr_axes;

double fr_axes_x(const fr_axes *a, double v);
double fr_axes_y(const fr_axes *a, double v);
/** Widens to decades (or to 1-2-5 steps below two decades) around [low, high] > 0. */
void fr_log_range(double *low, double *high);
void fr_chart_open(fr_buf *out, const char *kind, double width, double height, const char *title);
void fr_chart_close(fr_buf *out);
void fr_chart_x_ticks(fr_buf *out, const fr_axes *a, double unit, fr_word_fn word, int most);
void fr_chart_y_ticks(fr_buf *out, const fr_axes *a, double unit, fr_word_fn word, int most);
void fr_chart_text(fr_buf *out, const char *kind, double x, double y, const char *anchor,
                   const char *text);

typedef struct {
    double x0, y0, x1, y1;
} fr_box;
typedef struct {
    fr_box at[256];
    size_t n;
} fr_boxes; /* what labels must not cover */
void fr_boxes_add(fr_boxes *boxes, double x0, double y0, double x1, double y1);
/** Finds a free place near a point, writes the text there (with a line when it is far). */
void fr_chart_label(fr_buf *out, fr_boxes *boxes, const fr_axes *a, double x, double y,
                    const char *kind, const char *text);

/* ---- the charts: each is written for one width ---- */

typedef struct {
    double width, height;
    bool narrow;
} fr_chart_size;
void fr_chart_ladder(const fr_view *v, bool horizon, fr_chart_size size, fr_buf *out);
void fr_chart_break_even(const fr_view *v, fr_chart_size size, fr_buf *out);
void fr_chart_predicted(const fr_view *v, fr_chart_size size, fr_buf *out);
bool fr_view_has_points(const fr_view *v, bool horizon);
bool fr_view_has_predictions(const fr_view *v);

/* ---- timeline.c: from the ledger ---- */

/** Energy by device over time and by phase of a run; nothing when the ledger has none of it. */
int fr_put_timeline(fr_ledger *l, const char *run_id, fr_buf *out, fr_err *err);
/** Earlier runs with the same name. */
int fr_put_past_runs(fr_ledger *l, const char *task, const char *run_id, fr_buf *out, fr_err *err);
/** account_page.c: market, water, scopes; units of work; changes; used of what was provisioned. */
int fr_put_account(fr_ledger *l, fr_buf *out, fr_err *err);
/** Trend per kind of run by day, and the latest runs. */
int fr_put_overview(fr_ledger *l, fr_buf *out, fr_err *err);

extern const char FR_PAGE_STYLE[];

#endif
