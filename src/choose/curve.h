/**
 * choose/curve.h: what a token takes, by the model's size and by the length of the text before it:
 * measured on this machine, kept for forecasts.
 *
 *     fr_curve curve = { 0 };
 *     FR_TRY(fr_curve_measure(&options, "model.gguf", &curve, err));   adds points
 *     double cpu_s = fr_curve_cpu_s(&curve, weight_bytes, kv_bytes);   a model of another size
 *
 * A point is one model and one length: a prompt of that length is read, then tokens are written
 * behind it, over and over until the figure covers enough work; reading and writing are phases of
 * their own. Figures are CPU-seconds (grade B) with modelled joules beside, or counted joules.
 */
#ifndef FR_CHOOSE_CURVE_H
#define FR_CHOOSE_CURVE_H

#include <jansson.h>
#include "base/progress.h"
#include "run/run.h"

typedef struct {
    char *model; /* name; owned */
    double params, weight_bytes;
    double length;      /* tokens before the ones that are written */
    double kv_bytes;    /* keys and values of that length */
    double read_cpu_s;  /* of a prompt's token, mean over the prompt */
    double write_cpu_s; /* of a written token, behind the prompt */
    double read_j, write_j;
    bool measured; /* joules are counted */
} fr_curve_point;

typedef struct {
    fr_curve_point *at;
    size_t n, cap;
} fr_curve;
void fr_curve_fini(fr_curve *c);
FR_AUTO_DEFINE(fr_curve);

typedef struct {
    fr_run *run;
    const size_t *lengths; /* [n_lengths] rising; those beyond a model's context are left out */
    size_t n_lengths;
    double measure_s; /* of each point; 0: 1 s */
    int threads;
    const fr_progress *progress;
} fr_curve_options;

/** Adds the points of a model; points of the same model and length are replaced. */
int fr_curve_measure(const fr_curve_options *options, const char *model, fr_curve *c, fr_err *err);

/** {points[{model, params, weight_bytes, length_tokens, kv_bytes, read_cpu_s, write_cpu_s, read_j,
 * write_j, measured}]}; owned. */
json_t *fr_curve_json(const fr_curve *c);
/** A file that is not there has no points. */
int fr_curve_read(const char *path, fr_curve *c, fr_err *err);
int fr_curve_write(const fr_curve *c, const char *path, fr_err *err);

/**
 * What a written token of a model would take: by least squares of relative errors over the points,
 * cpu_s = a + b · weight_bytes + c · kv_bytes, no term below zero. NAN with fewer than three
 * points.
 */
typedef struct {
    double fixed_s, weight_s_per_byte, kv_s_per_byte;
    double j_per_cpu_s; /* mean of the points */
    double worst_ratio; /* largest of |fitted / measured - 1| */
} fr_curve_fit;
fr_curve_fit fr_curve_fit_of(const fr_curve *c);
double fr_curve_cpu_s(const fr_curve_fit *f, double weight_bytes, double kv_bytes);

/** CPU-seconds of a written token against length, a line for each model, as SVG. Appended. */
void fr_curve_svg(const fr_curve *c, fr_buf *out);

#endif
