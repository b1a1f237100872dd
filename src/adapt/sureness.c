#include "adapt/sureness.h"

#include <math.h>

void fr_sureness_put_labels(fr_sureness *s, size_t at, const double *loglik, size_t n_labels)
{
    double best = -INFINITY, sum = 0, first = 0, second = 0;
    for (size_t l = 0; l < n_labels; l++)
        best = fmax(best, loglik[l]);
    for (size_t l = 0; l < n_labels; l++)
        sum += exp(loglik[l] - best);
    for (size_t l = 0; l < n_labels; l++) {
        double p = exp(loglik[l] - best) / sum;
        if (p > first) {
            second = first;
            first = p;
        } else {
            second = fmax(second, p);
        }
        if (s->labels != NULL && l < s->n_labels)
            s->labels[at * s->n_labels + l] = p;
    }
    if (s->confidence != NULL)
        s->confidence[at] = first;
    if (s->margin != NULL)
        s->margin[at] = first - second;
}

void fr_sureness_put_text(fr_sureness *s, size_t at, double loglik)
{
    if (s->confidence != NULL)
        s->confidence[at] = exp(loglik);
    if (s->margin != NULL)
        s->margin[at] = exp(loglik);
}
