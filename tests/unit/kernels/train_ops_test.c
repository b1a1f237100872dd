#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "kernels/train_ops.h"

/* References are in double; a gradient is held against central differences of the reference. */
#define CLOSE(a, b, bound)                                                                         \
    do {                                                                                           \
        if (!(fabs((double)(a) - (double)(b)) <= (bound)*fmax(1, fabs((double)(b)))))              \
            fail_msg("%s: %.9g is not %.9g", ops->name, (double)(a), (double)(b));                 \
    } while (0)
#define OP_BOUND   2e-6
#define SLOPE_STEP 1e-5

static void fill(float *x, size_t n, uint64_t stream)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)fr_random_normal(5, FR_RANDOM_TEST, stream, i);
}

static const size_t SIZES[] = { 1, 3, 16, 24, 37, 192 };
#define MAX_N 192

#define EACH_ROW_AND_SIZE(n)                                                                       \
    for (size_t row_ = 0; fr_train_ops_at(row_) != NULL; row_++)                                   \
        for (size_t size_ = 0; size_ < FR_COUNT_OF(SIZES); size_++)                                \
            for (size_t n = SIZES[size_], once_ = 1; once_; once_ = 0)

static double norm_loss(const double *x, const double *w, const float *dy, size_t n)
{
    double squares = 0, total = 0;
    for (size_t i = 0; i < n; i++)
        squares += x[i] * x[i];
    const double inv = 1 / sqrt(squares / (double)n + 1e-5);
    for (size_t i = 0; i < n; i++)
        total += x[i] * inv * w[i] * (double)dy[i];
    return total;
}

static void norm_and_its_gradients(void **state)
{
    (void)state;
    EACH_ROW_AND_SIZE(n)
    {
        const fr_train_ops *ops = fr_train_ops_at(row_);
        float x[MAX_N], w[MAX_N], y[MAX_N], dy[MAX_N], dx[MAX_N], dw[MAX_N] = { 0 }, inv;
        double xd[MAX_N], wd[MAX_N];
        fill(x, n, 1), fill(w, n, 2), fill(dy, n, 3), fill(dx, n, 4);
        for (size_t i = 0; i < n; i++)
            xd[i] = (double)x[i], wd[i] = (double)w[i];
        ops->norm(y, &inv, x, w, 1, n, 1e-5f);
        double total = 0;
        for (size_t i = 0; i < n; i++)
            total += (double)y[i] * (double)dy[i];
        CLOSE(total, norm_loss(xd, wd, dy, n), 5 * OP_BOUND);
        const float before = dx[n - 1];
        float fresh[MAX_N];
        ops->norm_back(fresh, dy, x, &inv, w, 1, n, false);
        ops->norm_back(dx, dy, x, &inv, w, 1, n, true);
        CLOSE(dx[n - 1], before + fresh[n - 1], OP_BOUND);
        ops->norm_weight_back(dw, dy, x, &inv, 1, n, 0, n / 2);
        ops->norm_weight_back(dw, dy, x, &inv, 1, n, n / 2, n);
        for (size_t i = 0; i < n; i++) {
            double *const at[2] = { &xd[i], &wd[i] };
            const float got[2] = { fresh[i], dw[i] };
            for (int k = 0; k < 2; k++) {
                const double kept = *at[k];
                *at[k] = kept + SLOPE_STEP;
                const double up = norm_loss(xd, wd, dy, n);
                *at[k] = kept - SLOPE_STEP;
                const double slope = (up - norm_loss(xd, wd, dy, n)) / (2 * SLOPE_STEP);
                *at[k] = kept;
                CLOSE(got[k], slope, 2e-5);
            }
        }
    }
}

static double silu(double g)
{
    return g / (1 + exp(-g));
}

static void gated_silu_and_its_gradients(void **state)
{
    (void)state;
    EACH_ROW_AND_SIZE(n)
    {
        const fr_train_ops *ops = fr_train_ops_at(row_);
        float g[MAX_N], u[MAX_N], out[MAX_N], d[MAX_N], dg[MAX_N], du[MAX_N];
        fill(g, n, 1), fill(u, n, 2), fill(d, n, 3);
        g[0] = -100; /* exp must not overflow */
        ops->silu_mul(out, g, u, n);
        ops->silu_mul_back(dg, du, d, g, u, n);
        for (size_t i = 0; i < n; i++) {
            const double x = (double)g[i], up = (double)u[i], by = (double)d[i];
            CLOSE(out[i], silu(x) * up, OP_BOUND);
            CLOSE(du[i], silu(x) * by, OP_BOUND);
            CLOSE(dg[i], (silu(x + SLOPE_STEP) - silu(x - SLOPE_STEP)) / (2 * SLOPE_STEP) * up * by,
                  1e-5);
        }
    }
}

static void rope_turns_pairs_and_turns_back(void **state)
{
    (void)state;
    for (size_t row = 0; fr_train_ops_at(row) != NULL; row++)
        for (int halves = 0; halves < 2; halves++) {
            const fr_train_ops *ops = fr_train_ops_at(row);
            float x[2 * 2 * 6], kept[24];
            const uint32_t position[2] = { 3, 1 };
            float table[4 * 4];
            for (int p = 0; p < 4; p++)
                for (int i = 0; i < 2; i++) {
                    table[p * 4 + 2 * i] = cosf((float)p / (float)(1 + 9 * i));
                    table[p * 4 + 2 * i + 1] = sinf((float)p / (float)(1 + 9 * i));
                }
            fill(x, 24, 1);
            memcpy(kept, x, sizeof(x));
            ops->rope(x, position, table, 2, 2, 6, 4, halves != 0, 1);
            const size_t a = 6 + (halves ? 1 : 2), b = 6 + 3; /* second head, second pair */
            CLOSE(x[a], kept[a] * cosf(0.3f) - kept[b] * sinf(0.3f), OP_BOUND);
            CLOSE(x[b], kept[a] * sinf(0.3f) + kept[b] * cosf(0.3f), OP_BOUND);
            assert_true(x[10] == kept[10] && x[11] == kept[11]); /* beyond rope_dim */
            ops->rope(x, position, table, 2, 2, 6, 4, halves != 0, -1);
            for (size_t i = 0; i < 24; i++)
                CLOSE(x[i], kept[i], OP_BOUND);
        }
}

static void softmax_is_the_same_when_made_again(void **state)
{
    (void)state;
    EACH_ROW_AND_SIZE(n)
    {
        const fr_train_ops *ops = fr_train_ops_at(row_);
        float s[MAX_N + 3], again[MAX_N + 3];
        fill(s, n, 1);
        for (size_t i = n; i < n + 3; i++)
            s[i] = 1e30f;
        memcpy(again, s, sizeof(s));
        double total = 0;
        for (size_t i = 0; i < n; i++)
            total += exp((double)s[i] * 0.5);
        const float lse = ops->softmax(s, n, n + 3, 0.5f);
        CLOSE(lse, log(total), OP_BOUND);
        ops->softmax_again(again, n, n + 3, 0.5f, lse);
        for (size_t i = 0; i < n + 3; i++)
            CLOSE(s[i], again[i], OP_BOUND);
        assert_true(s[n] == 0 && s[n + 2] == 0 && again[n] == 0);
    }
}

static double cross_entropy(const double *z, size_t n, size_t target)
{
    double top = z[0], total = 0;
    for (size_t i = 1; i < n; i++)
        top = fmax(top, z[i]);
    for (size_t i = 0; i < n; i++)
        total += exp(z[i] - top);
    return log(total) + top - z[target];
}

static void cross_entropy_and_its_gradient(void **state)
{
    (void)state;
    EACH_ROW_AND_SIZE(n)
    {
        const fr_train_ops *ops = fr_train_ops_at(row_);
        float z[MAX_N], kept[MAX_N];
        double zd[MAX_N];
        fill(z, n, 1);
        z[0] += 80; /* a certain token */
        memcpy(kept, z, sizeof(z));
        for (size_t i = 0; i < n; i++)
            zd[i] = (double)z[i];
        const size_t target = n / 2;
        CLOSE(ops->cross_entropy(z, n, target, 0), cross_entropy(zd, n, target), OP_BOUND);
        CLOSE(ops->cross_entropy(kept, n, target, 0.5f), cross_entropy(zd, n, target), OP_BOUND);
        for (size_t i = 0; i < n; i++) {
            const double at = zd[i];
            zd[i] = at + SLOPE_STEP;
            const double up = cross_entropy(zd, n, target);
            zd[i] = at - SLOPE_STEP;
            const double slope = (up - cross_entropy(zd, n, target)) / (2 * SLOPE_STEP);
            zd[i] = at;
            CLOSE(kept[i], 0.5 * slope, 2e-5);
        }
    }
}

static void sums_and_adamw_match_their_formulas(void **state)
{
    (void)state;
    EACH_ROW_AND_SIZE(n)
    {
        const fr_train_ops *ops = fr_train_ops_at(row_);
        float w[MAX_N], m[MAX_N], v[MAX_N], g[MAX_N], w0[MAX_N];
        fill(w, n, 1), fill(g, n, 2), fill(m, n, 3), fill(v, n, 4);
        memcpy(w0, w, sizeof(w));
        double dot = 0, squares = 0;
        for (size_t i = 0; i < n; i++) {
            v[i] = fabsf(v[i]);
            dot += (double)w[i] * (double)g[i];
            squares += (double)g[i] * (double)g[i];
        }
        CLOSE(ops->dot(w, g, n), dot, 20 * OP_BOUND);
        CLOSE(ops->sum_squares(g, n), squares, 1e-12);
        float y[MAX_N];
        memcpy(y, w, sizeof(w));
        ops->axpy(y, g, 0.5f, n);
        CLOSE(y[n - 1], (double)w[n - 1] + 0.5 * (double)g[n - 1], OP_BOUND);
        const fr_adamw a = { 0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, 2, 3, 0.5f };
        float m1[MAX_N], v1[MAX_N];
        memcpy(m1, m, sizeof(m)), memcpy(v1, v, sizeof(v));
        ops->adamw(w, m1, v1, g, n, &a);
        for (size_t i = 0; i < n; i++) {
            const double d = (double)g[i] * 0.5;
            const double m2 = 0.9 * (double)m[i] + 0.1 * d, v2 = 0.95 * (double)v[i] + 0.05 * d * d;
            CLOSE(m1[i], m2, OP_BOUND);
            CLOSE(v1[i], v2, OP_BOUND);
            CLOSE(w[i], (double)w0[i] * (1 - 0.001) - 0.01 * (2 * m2) / (sqrt(3 * v2) + 1e-8),
                  OP_BOUND);
        }
    }
}

/* ---- attention ----------------------------------------------------------------------------------
 */

#define ROWS  90
#define HEADS 4
#define KV    2
#define DIM   10
static const uint32_t STARTS[] = { 0, 1, 60, 90 }; /* documents of 1, 59 and 30 rows */

/* Σ out · dout in double, attention as its formula says. */
static double attention_loss(const double *q, const double *k, const double *v, const float *dout)
{
    double total = 0;
    for (size_t doc = 0; doc < 3; doc++)
        for (size_t h = 0; h < HEADS; h++)
            for (size_t i = STARTS[doc]; i < STARTS[doc + 1]; i++) {
                double p[ROWS], sum = 0;
                const size_t kv = h / (HEADS / KV);
                for (size_t j = STARTS[doc]; j <= i; j++) {
                    double s = 0;
                    for (size_t d = 0; d < DIM; d++)
                        s += q[(i * HEADS + h) * DIM + d] * k[(j * KV + kv) * DIM + d];
                    sum += p[j] = exp(s / sqrt(DIM));
                }
                for (size_t j = STARTS[doc]; j <= i; j++)
                    for (size_t d = 0; d < DIM; d++)
                        total += p[j] / sum * v[(j * KV + kv) * DIM + d] *
                                 (double)dout[(i * HEADS + h) * DIM + d];
            }
    return total;
}

typedef struct {
    float q[ROWS * HEADS * DIM], k[ROWS * KV * DIM], v[ROWS * KV * DIM];
    float out[ROWS * HEADS * DIM], dout[ROWS * HEADS * DIM], lse[ROWS * HEADS];
    float dq[ROWS * HEADS * DIM], dk[ROWS * KV * DIM], dv[ROWS * KV * DIM];
} tensors;

static void run_attention(tensors *t, const char *kernel, const fr_train_ops *ops, int threads)
{
    const fr_attention a = { 3, STARTS, HEADS, KV, DIM };
    FR_AUTOPTR(fr_pool) pool = NULL;
    FR_AUTOPTR(fr_gemm) gemm = NULL;
    FR_AUTOPTR(fr_attention_scratch) scratch = NULL;
    assert_int_equal(fr_pool_new(threads, &pool, NULL), 0);
    assert_int_equal(fr_gemm_new(pool, kernel, &gemm, NULL), 0);
    assert_int_equal(fr_attention_scratch_new(pool, 59, DIM, &scratch, NULL), 0);
    fill(t->q, ROWS * HEADS * DIM, 1), fill(t->k, ROWS * KV * DIM, 2);
    fill(t->v, ROWS * KV * DIM, 3), fill(t->dout, ROWS * HEADS * DIM, 4);
    fr_attention_forward(pool, gemm, ops, scratch, &a, t->out, t->lse, t->q, t->k, t->v);
    fr_attention_backward(pool, gemm, ops, scratch, &a, t->dq, t->dk, t->dv, t->dout, t->out,
                          t->lse, t->q, t->k, t->v);
}

static void check_slopes(const fr_train_ops *ops, double *x, const float *got, size_t n,
                         const double *q, const double *k, const double *v, const float *dout)
{
    for (size_t i = 0; i < n; i += 41) {
        const double kept = x[i];
        x[i] = kept + SLOPE_STEP;
        const double up = attention_loss(q, k, v, dout);
        x[i] = kept - SLOPE_STEP;
        const double slope = (up - attention_loss(q, k, v, dout)) / (2 * SLOPE_STEP);
        x[i] = kept;
        CLOSE(got[i], slope, 5e-5);
    }
}

static void attention_and_its_gradients_stay_inside_each_document(void **state)
{
    (void)state;
    tensors *t = FR_NEW(tensors);
    double *q = FR_NEW_N(double, ROWS *HEADS *DIM), *k = FR_NEW_N(double, ROWS *KV *DIM);
    double *v = FR_NEW_N(double, ROWS *KV *DIM);
    for (size_t row = 0; fr_train_ops_at(row) != NULL; row++) {
        const fr_train_ops *ops = fr_train_ops_at(row);
        run_attention(t, strcmp(ops->name, "portable") == 0 ? "scalar" : ops->name, ops, 1);
        for (size_t i = 0; i < ROWS * HEADS * DIM; i++)
            q[i] = (double)t->q[i];
        for (size_t i = 0; i < ROWS * KV * DIM; i++)
            k[i] = (double)t->k[i], v[i] = (double)t->v[i];
        double total = 0;
        for (size_t i = 0; i < ROWS * HEADS * DIM; i++)
            total += (double)t->out[i] * (double)t->dout[i];
        CLOSE(total, attention_loss(q, k, v, t->dout), 1e-5);
        check_slopes(ops, q, t->dq, ROWS * HEADS * DIM, q, k, v, t->dout);
        check_slopes(ops, k, t->dk, ROWS * KV * DIM, q, k, v, t->dout);
        check_slopes(ops, v, t->dv, ROWS * KV * DIM, q, k, v, t->dout);
    }
    free(t);
    free(q);
    free(k);
    free(v);
}

static void attentions_bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    tensors *one = FR_NEW(tensors), *three = FR_NEW(tensors);
    run_attention(one, NULL, fr_train_ops_best(), 1);
    run_attention(three, NULL, fr_train_ops_best(), 3);
    assert_memory_equal(one, three, sizeof(tensors));
    free(one);
    free(three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norm_and_its_gradients),
        cmocka_unit_test(gated_silu_and_its_gradients),
        cmocka_unit_test(rope_turns_pairs_and_turns_back),
        cmocka_unit_test(softmax_is_the_same_when_made_again),
        cmocka_unit_test(cross_entropy_and_its_gradient),
        cmocka_unit_test(sums_and_adamw_match_their_formulas),
        cmocka_unit_test(attention_and_its_gradients_stay_inside_each_document),
        cmocka_unit_test(attentions_bits_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
