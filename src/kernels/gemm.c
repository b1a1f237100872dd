#include "kernels/gemm_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/*
 * The classic nest (Goto and van de Geijn 2008, doi:10.1145/1356052.1356053): a block of B,
 * [k block][n block] is packed into panels of nr columns that the tile kernel reads in order; rows
 * of A go by in blocks of mr. A is packed only where its elements lie badly (transposed, or rows a
 * multiple of a page apart). Each thread takes its own rows or columns of C and packs for itself:
 * nothing is shared, so nobody waits for anybody.
 */
#define K_BLOCK FR_GEMM_K_BLOCK
#define N_BLOCK 1024
#define M_BLOCK 336            /* a multiple of 14 and 6 */
#define A_ROW   (K_BLOCK + 16) /* of copied rows: not a multiple of a page */

/* The specification: m × n dot products. */
static void tile_scalar(size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                        float *c, size_t ldc, size_t m, size_t n, const float *plus)
{
    for (size_t i = 0; i < m; i++) {
        float acc[8] = { 0 };
        for (size_t j = 0; plus != NULL && j < n; j++)
            acc[j] = plus[i * ldc + j];
        for (size_t p = 0; p < k; p++)
            for (size_t j = 0; j < 8; j++)
                acc[j] += a[i * a_row + p * a_col] * b[p * 8 + j];
        for (size_t j = 0; j < n; j++)
            c[i * ldc + j] = acc[j];
    }
}

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

static const fr_gemm_row ROWS[] = {
#if defined(__x86_64__)
    { "avx512", has_avx512, 14, 32, fr_gemm_tile_avx512 },
    { "avx2", has_avx2, 6, 16, fr_gemm_tile_avx2 },
#endif
    { "scalar", always, 4, 8, tile_scalar },
};

struct fr_gemm {
    const fr_gemm_row *row;
    fr_pool *pool; /* borrowed */
    int threads;
    float **packed; /* [threads]: B, then A */
};

int fr_gemm_new(fr_pool *pool, const char *kernel, fr_gemm **out, fr_err *err)
{
    const fr_gemm_row *row = NULL;
    for (size_t i = 0; i < FR_COUNT_OF(ROWS) && row == NULL; i++)
        if ((kernel == NULL || strcmp(kernel, ROWS[i].name) == 0) && ROWS[i].runs_here())
            row = &ROWS[i];
    if (row == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, NULL, "no matrix kernel '%s' on this processor",
                       kernel);
    fr_gemm *g = FR_NEW(fr_gemm);
    g->row = row;
    g->pool = pool;
    g->threads = fr_pool_threads(pool);
    g->packed = FR_NEW_N(float *, (size_t)g->threads);
    for (int t = 0; t < g->threads; t++) {
        int rc = fr_try_array(K_BLOCK * N_BLOCK + A_ROW * M_BLOCK, sizeof(float), "matrix products",
                              (void **)&g->packed[t], err);
        if (rc != 0) {
            fr_gemm_free(g);
            return rc;
        }
    }
    *out = g;
    return 0;
}

void fr_gemm_free(fr_gemm *g)
{
    if (g == NULL)
        return;
    for (int t = 0; t < g->threads; t++)
        free(g->packed[t]);
    free(g->packed);
    free(g);
}

const char *fr_gemm_kernel(const fr_gemm *g)
{
    return g->row->name;
}

typedef struct {
    fr_gemm *g;
    fr_mat a, b;
    float *c;
    size_t ldc, m, n, k;
    size_t unit; /* rows or columns of an item */
    const float *plus;
    bool by_columns;
} job;

static const float *element(fr_mat x, size_t row, size_t col)
{
    return x.transposed ? x.at + col * x.stride + row : x.at + row * x.stride + col;
}

/* Rows of a known width are copied without a call. */
static inline __attribute__((always_inline)) void
copy_rows(float *to, const float *from, size_t stride, size_t rows, const size_t width)
{
    for (size_t p = 0; p < rows; p++, to += width, from += stride)
        memcpy(to, from, width * sizeof(float));
}

static void copy_full(float *to, const float *from, size_t stride, size_t rows, size_t width)
{
    switch (width) {
    case 32:
        copy_rows(to, from, stride, rows, 32);
        break;
    case 16:
        copy_rows(to, from, stride, rows, 16);
        break;
    case 14:
        copy_rows(to, from, stride, rows, 14);
        break;
    case 6:
        copy_rows(to, from, stride, rows, 6);
        break;
    default:
        copy_rows(to, from, stride, rows, width);
    }
}

/* to[p][i] = from[i][p] for height rows of `from`, eight of p at a time, so that a line of `to` is
 * finished while it is near. */
static void transpose(float *to, const float *from, size_t stride, size_t height, size_t k,
                      size_t width)
{
    size_t p = 0;
    for (; p + 8 <= k; p += 8)
        for (size_t i = 0; i < height; i++) {
            float line[8];
            memcpy(line, from + i * stride + p, sizeof(line));
            for (size_t q = 0; q < 8; q++)
                to[(p + q) * width + i] = line[q];
        }
    for (; p < k; p++)
        for (size_t i = 0; i < height; i++)
            to[p * width + i] = from[i * stride + p];
}

/* B[k0 …][n0 …] into panels [nr columns][k][nr], zero beyond the edge. */
static void pack_b(float *to, fr_mat b, size_t k0, size_t k, size_t n0, size_t n, size_t nr)
{
    for (size_t j = 0; j < n; j += nr, to += k * nr) {
        const size_t width = FR_MIN(nr, n - j);
        const float *from = element(b, k0, n0 + j);
        if (width < nr)
            memset(to, 0, k * nr * sizeof(float));
        if (b.transposed)
            transpose(to, from, b.stride, width, k, nr);
        else if (width == nr)
            copy_full(to, from, b.stride, k, nr);
        else
            for (size_t p = 0; p < k; p++)
                memcpy(to + p * nr, from + p * b.stride, width * sizeof(float));
    }
}

/* A[m0 …][k0 …] into panels [mr rows][k][mr], or, as it lies, into rows of A_ROW. */
static void pack_a(float *to, fr_mat a, size_t m0, size_t m, size_t k0, size_t k, size_t mr)
{
    const float *from = element(a, m0, k0);
    if (!a.transposed) {
        for (size_t i = 0; i < m; i++)
            memcpy(to + i * A_ROW, from + i * a.stride, k * sizeof(float));
        return;
    }
    for (size_t i = 0; i < m; i += mr, to += k * mr, from += mr) {
        const size_t height = FR_MIN(mr, m - i);
        if (height == mr)
            copy_full(to, from, a.stride, k, mr);
        else
            for (size_t p = 0; p < k; p++)
                memcpy(to + p * mr, from + p * a.stride, height * sizeof(float));
    }
}

static void block(const job *j, float *packed, size_t m0, size_t m1, size_t n0, size_t n1)
{
    const fr_gemm_row *row = j->g->row;
    const bool pack_rows = j->a.transposed || j->a.stride % 1024 == 0;
    float *const packed_a = packed + K_BLOCK * N_BLOCK;
    const size_t a_row = j->a.transposed ? 1 : pack_rows ? A_ROW : j->a.stride;
    const size_t a_col = j->a.transposed ? row->mr : 1;
    for (size_t nb = n0; nb < n1; nb += N_BLOCK) {
        const size_t n = FR_MIN((size_t)N_BLOCK, n1 - nb);
        for (size_t k0 = 0; k0 < j->k; k0 += K_BLOCK) {
            const size_t k = FR_MIN((size_t)K_BLOCK, j->k - k0);
            const float *plus = k0 > 0 ? j->c : j->plus;
            pack_b(packed, j->b, k0, k, nb, n, row->nr);
            for (size_t mb = m0; mb < m1; mb += M_BLOCK) {
                const size_t m = FR_MIN((size_t)M_BLOCK, m1 - mb);
                if (pack_rows)
                    pack_a(packed_a, j->a, mb, m, k0, k, row->mr);
                for (size_t jn = 0; jn < n; jn += row->nr) {
                    const float *panel = packed + jn * k;
                    for (size_t im = 0; im < m; im += row->mr) {
                        const float *a = !pack_rows        ? element(j->a, mb + im, k0)
                                         : j->a.transposed ? packed_a + im * k
                                                           : packed_a + im * A_ROW;
                        const size_t at = (mb + im) * j->ldc + nb + jn;
                        row->tile(k, a, a_row, a_col, panel, j->c + at, j->ldc,
                                  FR_MIN(row->mr, m - im), FR_MIN(row->nr, n - jn),
                                  plus != NULL ? plus + at : NULL);
                    }
                }
            }
        }
    }
}

static void items(void *args, size_t first, size_t end, int thread)
{
    const job *j = args;
    if (j->by_columns)
        block(j, j->g->packed[thread], 0, j->m, first * j->unit, FR_MIN(end * j->unit, j->n));
    else
        block(j, j->g->packed[thread], first * j->unit, FR_MIN(end * j->unit, j->m), 0, j->n);
}

void fr_gemm_run(fr_gemm *g, fr_mat a, fr_mat b, float *c, size_t ldc, size_t m, size_t n, size_t k,
                 const float *plus)
{
    assert(k > 0);
    if (m == 0 || n == 0)
        return;
    const size_t row_items = (m + g->row->mr - 1) / g->row->mr;
    const size_t column_items = (n + g->row->nr - 1) / g->row->nr;
    job j = { .g = g, .a = a, .b = b, .c = c, .ldc = ldc, .m = m, .n = n, .k = k, .plus = plus };
    j.by_columns = row_items < 4 * (size_t)g->threads && column_items > row_items;
    j.unit = j.by_columns ? g->row->nr : g->row->mr;
    fr_pool_run(g->pool, j.by_columns ? column_items : row_items, items, &j);
}

const fr_gemm_row *fr_gemm_row_of(const fr_gemm *g)
{
    return g->row;
}

void fr_gemm_pack(const fr_gemm_row *row, float *to, fr_mat b, size_t k, size_t n)
{
    pack_b(to, b, 0, k, 0, n, row->nr);
}

void fr_gemm_panels(const fr_gemm_row *row, const float *a, size_t a_row, size_t a_col,
                    const float *packed, size_t panel_rows, float *c, size_t ldc, size_t m,
                    size_t n, size_t k, const float *plus)
{
    for (size_t j = 0; j < n; j += row->nr, packed += panel_rows * row->nr)
        for (size_t i = 0; i < m; i += row->mr)
            row->tile(k, a + i * a_row, a_row, a_col, packed, c + i * ldc + j, ldc,
                      FR_MIN(row->mr, m - i), FR_MIN(row->nr, n - j),
                      plus != NULL ? plus + i * ldc + j : NULL);
}
