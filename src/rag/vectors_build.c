/* vectors_build.c: an image out of all that is alive: lists by k-means, codes, and a trial. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "kernels/kernels.h"
#include "kernels/similar.h"
#include "rag/vectors_priv.h"

enum {
    ROUNDS = 8,             /* of k-means: later ones move recall by less than it varies */
    ROWS_A_LIST = 48,       /* looked at by k-means, for each list */
    ROWS_AT_ONCE = 64,      /* of a product with all centres */
    LISTS_SQUARE_SHARE = 3, /* lists are about the root of a third of the vectors */
    TRIAL_K = 10,
    TRIAL_FROM = 100 /* vectors below which there is nothing to measure */
};
/* Share of the true neighbours, over the trial's questions, that reach and slack must let in. */
#define LET_IN     0.997
/* Whole-number codes are worth their bytes while they lose at most this and spare this. */
#define LOSS_MAX   0.005
#define FLOATS_MAX 0.1
#define FLOATS_FEW 500.0 /* so many are read in floats without a word */

/* What is to be in the image, in the order of ids. */
typedef struct {
    int64_t id;
    const float *row;
} member;

static int by_id(const void *a, const void *b)
{
    int64_t x = ((const member *)a)->id, y = ((const member *)b)->id;
    return (x > y) - (x < y);
}

static member *members_of(const fr_vectors *v, size_t *n)
{
    size_t dim = v->spec.dim;
    member *all = FR_NEW_N(member, fr_vectors_n(v));
    *n = 0;
    for (size_t row = 0; row < base_n(v); row++) {
        if (!row_is_dead(v, row))
            all[(*n)++] = (member){ v->base.ids[row], v->base.floats + row * dim };
    }
    for (size_t i = 0; i < v->tail.n; i++)
        all[(*n)++] = (member){ v->tail.ids[i], v->tail.rows + i * dim };
    fr_sort(all, *n, sizeof(*all), by_id);
    return all;
}

/* --- lists -------------------------------------------------------------------------------------
 */

typedef struct {
    const fr_kernels *kernels;
    const member *members;
    const uint32_t *which; /* members that count, or NULL: all */
    const float *centres;  /* [n_lists][dim] */
    const float *half;     /* [n_lists] |centre|²/2 */
    const fr_packed *packed;
    size_t dim, n_lists;
    uint32_t *list; /* [n] out */
} assignment;

/* The nearest centre is the one with the largest x·c − |c|²/2. */
static void assign_range(void *at, size_t first, size_t end, int thread)
{
    (void)thread;
    const assignment *a = at;
    float *x = FR_NEW_N(float, ROWS_AT_ONCE * a->dim),
          *y = FR_NEW_N(float, ROWS_AT_ONCE * a->n_lists);
    for (size_t i = first; i < end; i += ROWS_AT_ONCE) {
        size_t n = FR_MIN(end - i, (size_t)ROWS_AT_ONCE);
        for (size_t r = 0; r < n; r++)
            memcpy(x + r * a->dim, a->members[a->which != NULL ? a->which[i + r] : i + r].row,
                   a->dim * sizeof(float));
        a->kernels->linear(y, a->n_lists, x, a->dim, n, a->packed, 0, a->n_lists);
        for (size_t r = 0; r < n; r++) {
            const float *score = y + r * a->n_lists;
            size_t nearest = 0;
            for (size_t l = 1; l < a->n_lists; l++)
                nearest = score[l] - a->half[l] > score[nearest] - a->half[nearest] ? l : nearest;
            a->list[i + r] = (uint32_t)nearest;
        }
    }
    free(x);
    free(y);
}

static int assign(const member *members, const uint32_t *which, size_t n, const float *centres,
                  size_t n_lists, size_t dim, uint32_t *list, fr_pool *pool, fr_err *err)
{
    FR_AUTOPTR(fr_packed) packed = NULL;
    FR_TRY(fr_packed_new(FR_FORMAT_F32, centres, n_lists, dim, &packed, err));
    float *half = FR_NEW_N(float, n_lists);
    for (size_t l = 0; l < n_lists; l++) {
        const float *c = centres + l * dim;
        fr_similar_best()->dot(&half[l], c, c, dim, NULL, 1, dim);
        half[l] *= 0.5f;
    }
    assignment a = { fr_kernels_best(), members, which, centres, half, packed, dim, n_lists, list };
    fr_pool_run(pool, n, assign_range, &a);
    free(half);
    return 0;
}

/* Each centre becomes the mean of its rows; one without rows stays. */
static void move_centres(const member *members, const uint32_t *which, size_t n,
                         const uint32_t *list, float *centres, size_t n_lists, size_t dim)
{
    double *sum = FR_NEW_N(double, n_lists *dim);
    size_t *count = FR_NEW_N(size_t, n_lists);
    for (size_t i = 0; i < n; i++) {
        const float *x = members[which != NULL ? which[i] : i].row;
        double *to = sum + list[i] * dim;
        for (size_t d = 0; d < dim; d++)
            to[d] += (double)x[d];
        count[list[i]]++;
    }
    for (size_t l = 0; l < n_lists; l++)
        for (size_t d = 0; d < dim && count[l] > 0; d++)
            centres[l * dim + d] = (float)(sum[l * dim + d] / (double)count[l]);
    free(sum);
    free(count);
}

/* Lloyd's k-means on a sample, from rows drawn by chance (by number, so always the same ones). */
static int find_centres(const member *members, size_t n, float *centres, size_t n_lists, size_t dim,
                        fr_pool *pool, fr_err *err)
{
    size_t n_sample = FR_MIN(n, n_lists * ROWS_A_LIST);
    uint32_t *order = FR_NEW_N(uint32_t, n), *list = FR_NEW_N(uint32_t, n_sample);
    fr_random_permutation(order, n, TURN_SEED, FR_RANDOM_SHUFFLE, n_lists);
    for (size_t l = 0; l < n_lists; l++)
        memcpy(centres + l * dim, members[order[l]].row, dim * sizeof(float));
    int rc = 0;
    for (int round = 0; round < ROUNDS && n_lists > 1 && rc == 0; round++) {
        rc = assign(members, order, n_sample, centres, n_lists, dim, list, pool, err);
        if (rc == 0)
            move_centres(members, order, n_sample, list, centres, n_lists, dim);
    }
    free(order);
    free(list);
    return rc;
}

static size_t n_lists_for(fr_codes codes, size_t n)
{
    if (codes == FR_CODES_F32 || n == 0 || (codes == FR_CODES_AUTO && n < FR_VECTORS_LISTS_FROM))
        return 0;
    if (codes != FR_CODES_AUTO)
        return 1;
    size_t lists = 64;
    while (lists * lists * LISTS_SQUARE_SHARE < n)
        lists *= 2;
    return lists;
}

/* --- codes -------------------------------------------------------------------------------------
 */

typedef struct {
    uint8_t *image;
    const image_head *head;
    const float *centres, *mean;
} encoding;

#define PART(type, which) ((type *)(void *)(e->image + e->head->part[which]))

static void encode_signs(const encoding *e, size_t row, const float *r, const float *c,
                         float centre_r, float square)
{
    size_t turned = e->head->turned;
    uint8_t *block = PART(uint8_t, PART_SIGNS) +
                     row / FR_SIMILAR_BLOCK * (turned / 8 * FR_SIMILAR_BLOCK) +
                     row % FR_SIMILAR_BLOCK;
    double size = 0.0, along = 0.0;
    for (size_t i = 0; i < turned; i++) {
        bool up = r[i] >= 0.0f;
        size += fabs((double)r[i]);
        along += (double)(up ? c[i] : -c[i]);
        block[i / 8 * FR_SIMILAR_BLOCK] |= (uint8_t)((unsigned)up << (i % 8));
    }
    bool l2 = e->head->metric == FR_METRIC_L2;
    double twice = l2 ? 2.0 : 1.0, f = size > 0.0 ? twice * (double)square / size : 0.0;
    /* cosine of r and its signs; what of r is across them is what the estimate does not know */
    double cosine = square > 0.0f ? size / sqrt((double)square * (double)turned) : 1.0;
    double across =
        sqrt(fmax(1.0 / (cosine * cosine) - 1.0, 0.0) * (double)square / (double)(turned - 1));
    PART(float, PART_FACTOR)[row] = (float)f;
    PART(float, PART_OFFSET)[row] = (float)((l2 ? -(double)square : (double)centre_r) - f * along);
    PART(float, PART_DOUBT)[row] = (float)(twice * across);
}

static void encode_numbers(const encoding *e, size_t row, const float *r, float mean_r,
                           float apart_r, float square)
{
    size_t turned = e->head->turned;
    int8_t *code = PART(int8_t, PART_CODES) + row * turned;
    float largest = 0.0f;
    for (size_t i = 0; i < turned; i++)
        largest = fmaxf(largest, fabsf(r[i]));
    float step = largest / 127.0f;
    for (size_t i = 0; i < turned; i++)
        code[i] = (int8_t)(step > 0.0f ? lrintf(r[i] / step) : 0);
    bool l2 = e->head->metric == FR_METRIC_L2;
    PART(float, PART_SCALE)[row] = l2 ? 2.0f * step : step;
    PART(float, PART_SHIFT)[row] = l2 ? -2.0f * apart_r - square : mean_r;
}

static float dot_of(const float *a, const float *b, size_t n)
{
    float sum;
    fr_similar_best()->dot(&sum, a, b, n, NULL, 1, n);
    return sum;
}

static void encode_list(const encoding *e, size_t list, float *r, float *c)
{
    size_t dim = e->head->dim, turned = e->head->turned;
    const float *centre = e->centres + list * dim;
    const uint32_t *first = PART(uint32_t, PART_FIRST);
    float *apart = c + turned; /* centre − mean, not turned */
    memset(c, 0, 2 * turned * sizeof(float));
    for (size_t d = 0; d < dim; d++)
        c[d] = apart[d] = centre[d] - e->mean[d];
    turn(c, turned);
    double squares = 0.0;
    for (size_t row = first[list]; row < first[list + 1]; row++) {
        const float *x = PART(float, PART_FLOATS) + row * dim;
        memset(r, 0, turned * sizeof(float));
        for (size_t d = 0; d < dim; d++)
            r[d] = x[d] - centre[d];
        float centre_r = dot_of(centre, r, dim), mean_r = dot_of(e->mean, r, dim),
              apart_r = dot_of(apart, r, dim), square = dot_of(r, r, dim);
        turn(r, turned);
        if (e->head->has_signs != 0)
            encode_signs(e, row, r, c, centre_r, square);
        if (e->head->has_codes != 0)
            encode_numbers(e, row, r, mean_r, apart_r, square);
        squares += (double)square;
    }
    size_t n = first[list + 1] - first[list];
    PART(float, PART_SPREAD)[list] = n > 0 ? (float)sqrt(squares / (double)n) : 0.0f;
    PART(float, PART_SQUARE)[list] = dot_of(centre, centre, dim);
}

/* A block of signs is shared by the lists that meet in it, so this is one thread's work. */
static void encode_all(const encoding *e)
{
    size_t turned = e->head->turned;
    float *r = FR_NEW_N(float, 3 * turned);
    for (size_t l = 0; l < e->head->n_lists; l++)
        encode_list(e, l, r, r + turned);
    free(r);
}

/* --- layout ------------------------------------------------------------------------------------
 */

static void put_rows(uint8_t *image_at, const image_head *head, const member *members,
                     const uint32_t *list)
{
    const encoding in = { .image = image_at, .head = head }, *e = &in;
    size_t n = (size_t)head->n, dim = head->dim, lists = FR_MAX((size_t)head->n_lists, (size_t)1);
    uint32_t *next = FR_NEW_N(uint32_t, lists + 1);
    for (size_t i = 0; i < n && list != NULL; i++)
        next[list[i] + 1]++;
    for (size_t l = 0; l < lists; l++)
        next[l + 1] += next[l];
    if (head->n_lists > 0) {
        next[lists] = (uint32_t)n;
        memcpy(PART(uint32_t, PART_FIRST), next, (lists + 1) * sizeof(*next));
    }
    for (size_t i = 0; i < n; i++) {
        size_t row = next[list != NULL ? list[i] : 0]++;
        memcpy(PART(float, PART_FLOATS) + row * dim, members[i].row, dim * sizeof(float));
        PART(int64_t, PART_IDS)[row] = members[i].id;
        PART(uint32_t, PART_ORDER)[i] = (uint32_t)row;
    }
    free(next);
}

static void put_mean(const member *members, size_t n, size_t dim, float *mean)
{
    double *sum = FR_NEW_N(double, dim);
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < dim; d++)
            sum[d] += (double)members[i].row[d];
    for (size_t d = 0; d < dim; d++)
        mean[d] = (float)(sum[d] / (double)n);
    free(sum);
}

static int lay_out(const fr_vectors *v, const member *members, size_t n, bool numbers,
                   fr_pool *pool, uint8_t **out, fr_err *err)
{
    image_head head = v->head;
    size_t dim = v->spec.dim;
    fr_codes codes = v->spec.codes;
    head.n = n;
    head.n_lists = n_lists_for(codes, n);
    head.has_signs = head.n_lists > 0 && codes != FR_CODES_INT8;
    head.has_codes = head.n_lists > 0 && codes != FR_CODES_BINARY && numbers;
    head.reach = head.slack = 0.0f;
    if (!image_place(&head))
        return fr_fail(err, FR_E_LIMIT, NULL, "%zu vectors are too many for one file", n);
    void *at = NULL;
    FR_TRY(fr_try_array((size_t)head.bytes, 1, "vectors", &at, err));
    encoding in = { .image = at, .head = &head }, *e = &in;
    uint32_t *list = NULL;
    int rc = 0;
    if (head.n_lists > 0) {
        in.centres = PART(float, PART_CENTRES);
        float *mean = PART(float, PART_CENTRES) + (size_t)head.n_lists * dim;
        in.mean = mean;
        put_mean(members, n, dim, mean);
        list = FR_NEW_N(uint32_t, n);
        if (head.n_lists == 1) {
            memcpy(PART(float, PART_CENTRES), mean, dim * sizeof(float));
        } else {
            rc = find_centres(members, n, PART(float, PART_CENTRES), (size_t)head.n_lists, dim,
                              pool, err);
            if (rc == 0)
                rc = assign(members, NULL, n, in.centres, (size_t)head.n_lists, dim, list, pool,
                            err);
        }
    }
    if (rc == 0) {
        put_rows(at, &head, members, list);
        if (head.n_lists > 0)
            encode_all(&in);
        image_seal(&head);
        memcpy(at, &head, sizeof(head));
    }
    free(list);
    if (rc != 0)
        free(at);
    *out = rc == 0 ? at : NULL;
    return rc;
}

/* --- trial -------------------------------------------------------------------------------------
 *
 * Vectors of the set are asked for their own nearest, themselves left out. */

typedef struct {
    const fr_vectors *v;     /* of the image alone */
    size_t n;                /* questions */
    fr_vector_hit *truth;    /* [n][TRIAL_K] */
    size_t *found;           /* [n] */
    float *reach, *slack;    /* [n][TRIAL_K] what would have been enough */
    size_t *kept, *n_floats; /* [n] */
} trial;

static bool is_not(void *user, int64_t id)
{
    return id != *(int64_t *)user;
}

static size_t question_of(const trial *t, size_t i)
{
    return (size_t)fr_random_below(t->v->base.head->n, TURN_SEED, FR_RANDOM_SAMPLE, 0, i);
}

static void find_truth(void *at, size_t first, size_t end, int thread)
{
    (void)thread;
    trial *t = at;
    const image *base = &t->v->base;
    size_t dim = t->v->spec.dim;
    for (size_t i = first; i < end; i++) {
        size_t row = question_of(t, i), counted;
        int64_t id = base->ids[row];
        fr_vectors_options o = { .keep = is_not, .user = &id, .exact = true };
        fr_vector_hit *truth = t->truth + i * TRIAL_K;
        search_counting(t->v, base->floats + row * dim, TRIAL_K, &o, truth, &t->found[i], &counted);
        size_t rows[TRIAL_K];
        estimate seen[TRIAL_K];
        for (size_t h = 0; h < t->found[i]; h++)
            rows[h] = base_row(t->v, truth[h].id);
        estimate_rows(t->v, base->floats + row * dim, rows, t->found[i], seen);
        float least = t->found[i] > 0 ? truth[t->found[i] - 1].score : 0.0f;
        for (size_t h = 0; h < t->found[i]; h++) {
            float list =
                seen[h].list_width > 0.0f ? (least - seen[h].list_base) / seen[h].list_width : 0.0f;
            float own = seen[h].row_width > 0.0f
                            ? (least - seen[h].row_estimate) / seen[h].row_width
                            : 0.0f;
            t->reach[i * TRIAL_K + h] = list;
            t->slack[i * TRIAL_K + h] = own;
        }
    }
}

static void search_again(void *at, size_t first, size_t end, int thread)
{
    (void)thread;
    trial *t = at;
    const image *base = &t->v->base;
    for (size_t i = first; i < end; i++) {
        size_t row = question_of(t, i), found;
        int64_t id = base->ids[row];
        fr_vectors_options o = { .keep = is_not, .user = &id };
        fr_vector_hit hits[TRIAL_K];
        search_counting(t->v, base->floats + row * t->v->spec.dim, TRIAL_K, &o, hits, &found,
                        &t->n_floats[i]);
        t->kept[i] = 0;
        for (size_t h = 0; h < found; h++)
            for (size_t w = 0; w < t->found[i]; w++)
                t->kept[i] += hits[h].id == t->truth[i * TRIAL_K + w].id;
    }
}

static int by_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The least that lets in a share of those that were found. */
static float enough(float *needed, const trial *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        for (size_t h = 0; h < t->found[i]; h++)
            needed[n++] = needed[i * TRIAL_K + h];
    fr_sort(needed, n, sizeof(*needed), by_float);
    return n > 0 ? needed[FR_MIN(n - 1, (size_t)(LET_IN * (double)n))] : 0.0f;
}

/* Sets reach and slack in the image, then measures; recall is 1 where there is nothing to measure.
 */
static void try_out(uint8_t *built, fr_pool *pool, double *recall, double *floats_share)
{
    image_head *head = (void *)built;
    *recall = 1.0;
    *floats_share = 0.0;
    head->reach = 4.0f;
    head->slack = 3.0f;
    if (head->n_lists > 0 && head->n >= TRIAL_FROM) {
        fr_vectors v = { .head = *head, .base = image_of(built), .lock = -1 };
        v.spec = (fr_vectors_spec){ .dim = head->dim, .metric = (fr_metric_kind)head->metric };
        enum { N = FR_VECTORS_SAMPLE };
        trial t = { .v = &v,
                    .n = N,
                    .truth = FR_NEW_N(fr_vector_hit, N * TRIAL_K),
                    .found = FR_NEW_N(size_t, N),
                    .reach = FR_NEW_N(float, N *TRIAL_K),
                    .slack = FR_NEW_N(float, N *TRIAL_K),
                    .kept = FR_NEW_N(size_t, N),
                    .n_floats = FR_NEW_N(size_t, N) };
        fr_pool_run(pool, N, find_truth, &t);
        head->reach = fmaxf(enough(t.reach, &t), 0.0f);
        head->slack = fmaxf(enough(t.slack, &t), 1.0f);
        fr_pool_run(pool, N, search_again, &t);
        double kept = 0.0, found = 0.0, floats = 0.0;
        for (size_t i = 0; i < N; i++) {
            kept += (double)t.kept[i];
            found += (double)t.found[i];
            floats += (double)t.n_floats[i];
        }
        *recall = found > 0.0 ? kept / found : 1.0;
        *floats_share = floats / N / (double)head->n;
        free(t.truth);
        free(t.found);
        free(t.reach);
        free(t.slack);
        free(t.kept);
        free(t.n_floats);
    }
    image_seal(head);
}

int image_build(const fr_vectors *v, fr_pool *pool, uint8_t **out, fr_err *err)
{
    size_t n;
    member *members = members_of(v, &n);
    double recall, floats_share;
    int rc = lay_out(v, members, n, true, pool, out, err);
    if (rc == 0) {
        try_out(*out, pool, &recall, &floats_share);
        if (v->spec.codes == FR_CODES_INT8 &&
            (recall < 1.0 - LOSS_MAX ||
             (floats_share > FLOATS_MAX && floats_share * (double)n > FLOATS_FEW))) {
            free(*out);
            *out = NULL;
            rc =
                fr_fail(err, FR_E_UNSUPPORTED,
                        "Build it with --codes f32 (or auto): a few numbers of these vectors are "
                        "much larger than the others.",
                        "whole-number codes do not tell these vectors apart: on a sample recall@10 "
                        "is %.3f and %.0f%% of all rows must be read in floats",
                        recall, floats_share * 100.0);
        }
    }
    free(members);
    return rc;
}
