/* kernels.c: the table of rows, and weights. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "kernels/kernels_priv.h"

static const fr_kernels *const ROWS[] = {
    &fr_kernels_scalar,
#if defined(__x86_64__)
    &fr_kernels_avx2,
    &fr_kernels_avx512,
#endif
};

const fr_kernels *fr_kernels_at(size_t i)
{
    return i < FR_COUNT_OF(ROWS) ? ROWS[i] : NULL;
}

static pthread_once_t chosen_once = PTHREAD_ONCE_INIT;
static const fr_kernels *chosen; /* written once, under chosen_once */

static void choose(void)
{
    const char *wanted = getenv("FRUGAL_KERNELS");
    const fr_kernels *named = NULL;
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        if (!ROWS[i]->usable())
            continue;
        chosen = ROWS[i];
        if (wanted != NULL && strcmp(ROWS[i]->name, wanted) == 0)
            named = ROWS[i];
    }
    if (named != NULL)
        chosen = named;
    else if (wanted != NULL && *wanted != '\0')
        fr_log(FR_LOG_WARN, "FRUGAL_KERNELS=%s is no row usable here; using %s", wanted,
               chosen->name);
}

const fr_kernels *fr_kernels_best(void)
{
    pthread_once(&chosen_once, choose);
    return chosen;
}

int fr_packed_new(fr_format format, const void *data, size_t n_out, size_t n_in, fr_packed **out,
                  fr_err *err)
{
    const fr_format_row *row = fr_format_find(format);
    if (row == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, FR_FORMAT_HINT,
                       "weights in format %s are not supported", fr_format_any_name(format));
    if (n_in == 0 || n_in % row->block_values != 0)
        return fr_fail(err, FR_E_FORMAT, NULL, "rows of %zu values are not whole %s blocks of %zu",
                       n_in, row->name, row->block_values);
    fr_packed *w = FR_NEW(fr_packed);
    *w = (fr_packed){ format, data, n_out, n_in, n_in / row->block_values * row->block_bytes };
    *out = w;
    return 0;
}

void fr_packed_free(fr_packed *w)
{
    free(w);
}

size_t fr_packed_n_out(const fr_packed *w)
{
    return w->n_out;
}

size_t fr_packed_n_in(const fr_packed *w)
{
    return w->n_in;
}

size_t fr_packed_bytes(const fr_packed *w)
{
    return w->n_out * w->row_bytes;
}

void fr_packed_row(const fr_packed *w, size_t i, float *to)
{
    fr_format_find(w->format)->to_f32(w->data + i * w->row_bytes, to, w->n_in);
}

void fr_rope_frequencies(double *frequencies, size_t rope_dim, double theta, const float *factors)
{
    for (size_t i = 0; i < rope_dim / 2; i++)
        frequencies[i] = pow(theta, -2.0 * (double)i / (double)rope_dim) /
                         (factors != NULL ? (double)factors[i] : 1);
}

void fr_rope_angles(float *cos_sin, size_t position, const double *frequencies, size_t rope_dim)
{
    for (size_t i = 0; i < rope_dim / 2; i++) {
        double angle = (double)position * frequencies[i];
        cos_sin[2 * i] = (float)cos(angle);
        cos_sin[2 * i + 1] = (float)sin(angle);
    }
}

void fr_rope_turn(float *x, const float *cos_sin, size_t n_heads, size_t head_dim, size_t rope_dim,
                  bool halves)
{
    size_t step = halves ? 1 : 2, apart = halves ? rope_dim / 2 : 1;
    for (size_t h = 0; h < n_heads; h++, x += head_dim)
        for (size_t i = 0; i < rope_dim / 2; i++) {
            float c = cos_sin[2 * i], s = cos_sin[2 * i + 1];
            float a = x[i * step], b = x[i * step + apart];
            x[i * step] = a * c - b * s;
            x[i * step + apart] = a * s + b * c;
        }
}
