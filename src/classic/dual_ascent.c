/*
 * Multinomial logistic regression with an l2 penalty, by exact block coordinate ascent on its dual.
 *
 *   primal   mean over rows of (ln sum_k e^z[k] - z[label]) + l2 / 2 |W|^2,  z = W x
 *   dual     mean over rows of H(p) - l2 / 2 |W|^2,  W = 1 / (l2 n) sum over rows (e[label] - p) x
 *
 * Each row owns a distribution p over the labels (H is its entropy), and is brought to its optimum
 * with the others held: ln p[k] + c p[k] = z[k] + c p_old[k] - nu with c = |x|^2 / (l2 n), which is
 * solved in label_math_body.h. There is no learning rate; the gap between primal and dual says how
 * far the optimum is, and ends the work. A pass costs what one gradient of the whole set costs,
 * and half a dozen are enough where L-BFGS takes thirty or forty; memory is W and one p a row.
 *
 * Sources: Yu, Huang and Lin 2011 (Machine Learning 85), for the dual; Shalev-Shwartz and Zhang
 * 2013 (JMLR 14), for stochastic dual coordinate ascent.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "classic/classic_priv.h"

#define EPOCHS_MAX 60
/* The gap, as a share of what guessing costs (ln of the number of labels), at which we are done. */
#define GAP_RATIO  2e-3

static void begin(const dual_problem *d, double l2, dual_state *s)
{
    size_t n_weights = d->n_features * d->stride;
    if (s->l2 == 0.0) {
        /* p = e[label] makes W zero */
        for (size_t i = 0; i < d->n; i++)
            s->p[i * d->stride + d->labels[i]] = 1.0f;
    } else {
        float scale = (float)(s->l2 / l2);
        for (size_t i = 0; i < n_weights; i++)
            s->weights[i] *= scale;
        for (size_t k = 0; k < d->stride; k++)
            s->bias[k] *= scale;
    }
    s->l2 = l2;
}

/*
 * What this row adds to the gap between primal and dual. Since l2 |W|^2 is the mean of z[label] - p
 * z, that is ln sum e^z - p z - H(p): how far p is from the softmax of z (Kullback and Leibler),
 * which is never negative and 0 at the optimum.
 */
static double gap_of(const float *z, const float *p, size_t n)
{
    double most = z[0], sum = 0.0, rest = 0.0;
    for (size_t k = 1; k < n; k++)
        most = z[k] > most ? z[k] : most;
    for (size_t k = 0; k < n; k++) {
        sum += exp(z[k] - most);
        rest += p[k] > 0.0f ? p[k] * (log(p[k]) + most - z[k]) : 0.0;
    }
    return log(fmax(sum, 1.0)) + rest; /* the largest adds 1 */
}

static double row_square(const feature_row *row)
{
    double sum = 1.0; /* the bias is a feature that is always 1 */
    for (size_t i = 0; i < row->n; i++)
        sum += (double)row->at[i].value * row->at[i].value;
    return sum;
}

#define GAP_EVERY 4 /* rows: the gap is a mean, a sample is enough */

/* One pass over the rows; returns the mean gap as sampled on the way, before each row's turn. */
static double pass(const dual_problem *d, const label_math *math, const uint32_t *order,
                   dual_state *s, float *work)
{
    float *z = work, *delta = work + d->stride, *rest = work + 2 * d->stride;
    double gap = 0.0;
    size_t sampled = 0;
    for (size_t at = 0; at < d->n; at++) {
        size_t i = order[at];
        const feature_row *row = &d->rows[i];
        float *p = s->p + i * d->stride;
        math->scores(z, s->bias, s->weights, d->stride, row);
        if (at % GAP_EVERY == 0) {
            gap += gap_of(z, p, d->n_labels);
            sampled++;
        }
        memcpy(delta, p, d->stride * sizeof(*p));
        double step = 1.0 / (s->l2 * (double)d->n);
        math->best(p, z, (float)(row_square(row) * step), d->n_labels, d->stride, rest);
        for (size_t k = 0; k < d->stride; k++) {
            delta[k] = (delta[k] - p[k]) * (float)step;
            s->bias[k] += delta[k];
        }
        math->add(s->weights, d->stride, row, delta);
    }
    return gap / (double)sampled;
}

int dual_ascent(const dual_problem *d, double l2, uint64_t seed, dual_state *s,
                const fr_progress *progress, fr_err *err)
{
    const label_math *math = label_math_here();
    float *work = FR_NEW_N(float, 4 * d->stride);
    uint32_t *order = FR_NEW_N(uint32_t, d->n);
    int rc = 0;
    begin(d, l2, s);
    for (size_t epoch = 0; epoch < EPOCHS_MAX; epoch++) {
        if (fr_progress_stopped(progress)) {
            rc = fr_fail(err, FR_E_INTERRUPTED, NULL, "the classifier's training was stopped");
            break;
        }
        fr_random_permutation(order, d->n, seed, FR_RANDOM_SHUFFLE, s->epochs++);
        double gap = pass(d, math, order, s, work);
        if (epoch > 0 && gap <= GAP_RATIO * log((double)d->n_labels))
            break;
    }
    free(order);
    free(work);
    return rc;
}
