/* vectors_search.c: the k nearest of a question. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/similar.h"
#include "rag/vectors_priv.h"

enum {
    CHUNK = 1024,  /* rows of sign codes at a time */
    SEEDS = 64,    /* rows that are scored first, at most */
    BATCH = 32,    /* of which so many are scored before the threshold is looked at again */
    FEW_SHARE = 16 /* a filter that leaves less than this share is answered in floats */
};

/* Rounding codes to whole numbers leaves a uniform error: 1/√12 of a step a number, and the sum is
 * normal; 3.5 of its standard deviations are allowed for. */
#define CODE_DOUBT 1.01f

/* --- the best so far: a heap with the worst on top ---------------------------------------------
 */

typedef struct {
    fr_vector_hit *at;
    size_t n, k;
} best;

static bool is_worse(fr_vector_hit a, fr_vector_hit b)
{
    return a.score < b.score || (a.score == b.score && a.id > b.id);
}

static void sift_down(best *b, size_t i, size_t n)
{
    fr_vector_hit moved = b->at[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && is_worse(b->at[child + 1], b->at[child]);
        if (!is_worse(b->at[child], moved))
            break;
        b->at[i] = b->at[child];
    }
    b->at[i] = moved;
}

static void offer(best *b, int64_t id, float score)
{
    fr_vector_hit hit = { id, score };
    if (b->n < b->k) {
        size_t i = b->n++;
        for (size_t up; i > 0 && is_worse(hit, b->at[up = (i - 1) / 2]); i = up)
            b->at[i] = b->at[up];
        b->at[i] = hit;
    } else if (is_worse(b->at[0], hit)) {
        b->at[0] = hit;
        sift_down(b, 0, b->n);
    }
}

static float threshold(const best *b)
{
    return b->n < b->k ? -INFINITY : b->at[0].score;
}

static void in_order(best *b)
{
    for (size_t n = b->n; n > 1; n--) {
        fr_vector_hit worst = b->at[0];
        b->at[0] = b->at[n - 1];
        b->at[n - 1] = worst;
        sift_down(b, 0, n - 1);
    }
}

/* --- one question ------------------------------------------------------------------------------
 */

/* What all questions of a call share. */
typedef struct {
    const fr_vectors *v;
    const fr_similar *kernels;
    const fr_vectors_options *options;
    uint64_t *kept; /* a bit a row of base: alive and wanted; NULL: as below */
    uint32_t *few;  /* those rows when they are few; else NULL */
    size_t n_kept;  /* rows of base that are alive and wanted */
} asked;

typedef struct {
    const asked *all;
    const float *q;   /* [dim], as it is searched */
    float *z;         /* [turned] question − mean, turned */
    int16_t *z_codes; /* [turned] the same in whole numbers of z_step */
    float z_step, z_length;
    uint8_t *tables; /* [turned / 4][16] */
    float table_step, table_bias, table_doubt;
    float *list_base, *list_bound, *list_length; /* [n_lists]; length of question − centre */
    uint32_t *list_order;
    best best;
    size_t n_floats;
} ask;

static bool is_l2(const ask *a)
{
    return a->all->v->spec.metric == FR_METRIC_L2;
}

static void score_rows(const ask *a, float *scores, const float *rows, const uint32_t *pick,
                       size_t n)
{
    size_t dim = a->all->v->spec.dim;
    if (!is_l2(a)) {
        a->all->kernels->dot(scores, a->q, rows, dim, pick, n, dim);
        return;
    }
    a->all->kernels->distance(scores, a->q, rows, dim, pick, n, dim);
    for (size_t i = 0; i < n; i++)
        scores[i] = -scores[i];
}

static bool is_kept(const asked *all, size_t row)
{
    return all->kept == NULL ? !row_is_dead(all->v, row)
                             : (all->kept[row / 64] >> (row % 64) & 1) != 0;
}

/* Rows by number, in floats. */
static void offer_picked(ask *a, const uint32_t *rows, size_t n)
{
    const image *base = &a->all->v->base;
    float scores[BATCH];
    for (size_t first = 0; first < n; first += BATCH) {
        size_t these = FR_MIN(n - first, (size_t)BATCH);
        score_rows(a, scores, base->floats, rows + first, these);
        for (size_t i = 0; i < these; i++)
            offer(&a->best, base->ids[rows[first + i]], scores[i]);
    }
    a->n_floats += n;
}

static void offer_all_floats(ask *a)
{
    const image *base = &a->all->v->base;
    size_t n = base_n(a->all->v), dim = a->all->v->spec.dim;
    float scores[CHUNK];
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t these = FR_MIN(n - first, (size_t)CHUNK);
        score_rows(a, scores, base->floats + first * dim, NULL, these);
        for (size_t i = 0; i < these; i++) {
            if (scores[i] >= threshold(&a->best) && is_kept(a->all, first + i))
                offer(&a->best, base->ids[first + i], scores[i]);
        }
    }
    a->n_floats += n;
}

static void offer_tail(ask *a)
{
    const fr_vectors *v = a->all->v;
    const fr_vectors_options *o = a->all->options;
    float score;
    for (size_t i = 0; i < v->tail.n; i++) {
        if (o->keep != NULL && !o->keep(o->user, v->tail.ids[i]))
            continue;
        score_rows(a, &score, v->tail.rows + i * v->spec.dim, NULL, 1);
        offer(&a->best, v->tail.ids[i], score);
    }
    a->n_floats += v->tail.n;
}

/* The question in whole numbers, as fine as a sum of products allows in 32 bits. */
static void make_codes(ask *a, size_t turned)
{
    float largest = 0.0f;
    for (size_t i = 0; i < turned; i++)
        largest = fmaxf(largest, fabsf(a->z[i]));
    float most = fminf(32767.0f, floorf(2147483647.0f / (128.0f * (float)turned)));
    a->z_step = largest > 0.0f ? largest / most : 1.0f;
    float scale = 1.0f / a->z_step;
    for (size_t i = 0; i < turned; i++)
        a->z_codes[i] = (int16_t)lrintf(a->z[i] * scale);
}

/* What each combination of four signs adds to s·z, as small whole numbers. */
static void make_tables(ask *a, size_t turned)
{
    size_t n_groups = turned / FR_SIMILAR_GROUP;
    float widest = 0.0f, bias = 0.0f;
    for (size_t g = 0; g < n_groups; g++) {
        const float *z = a->z + g * FR_SIMILAR_GROUP;
        float half = fabsf(z[0]) + fabsf(z[1]) + fabsf(z[2]) + fabsf(z[3]);
        widest = fmaxf(widest, 2.0f * half);
        bias -= half;
    }
    float step = widest > 0.0f ? widest / FR_SIMILAR_HIGHEST : 1.0f;
    float scale = 1.0f / step;
    for (size_t g = 0; g < n_groups; g++) {
        const float *z = a->z + g * FR_SIMILAR_GROUP;
        float sums[16];
        sums[0] = 0.5f; /* so that cutting off rounds */
        for (unsigned i = 0; i < FR_SIMILAR_GROUP; i++)
            sums[0] += scale * (fabsf(z[i]) - z[i]);
        for (unsigned i = 0; i < FR_SIMILAR_GROUP; i++)
            for (unsigned code = 0; code < 1u << i; code++)
                sums[code + (1u << i)] = sums[code] + 2.0f * scale * z[i];
        for (unsigned code = 0; code < 16; code++) /* never a NaN as a number */
            a->tables[g * 16 + code] =
                (uint8_t)(sums[code] > 0.0f ? fminf(sums[code], FR_SIMILAR_HIGHEST) : 0.0f);
    }
    a->table_step = step;
    a->table_bias = bias;
    a->table_doubt = step * sqrtf((float)n_groups / 12.0f);
}

static void measure_lists(ask *a)
{
    const image *base = &a->all->v->base;
    size_t n = (size_t)base->head->n_lists, dim = a->all->v->spec.dim;
    a->all->kernels->distance(a->list_length, a->q, base->centres, dim, NULL, n, dim);
    float square = 0.0f;
    a->all->kernels->dot(&square, a->q, a->q, dim, NULL, 1, dim);
    float root = sqrtf((float)dim);
    for (size_t l = 0; l < n; l++) {
        float apart = a->list_length[l], length = sqrtf(apart);
        float width = length * base->spread[l] / root;
        a->list_length[l] = length;
        if (is_l2(a)) {
            a->list_base[l] = -apart;
            a->list_bound[l] =
                -apart - base->spread[l] * base->spread[l] + 2.0f * base->head->reach * width;
        } else {
            a->list_base[l] = 0.5f * (square + base->square[l] - apart);
            a->list_bound[l] = a->list_base[l] + base->head->reach * width;
        }
    }
}

/* Those of the picked rows whose whole-number codes leave them a chance. In place. */
static size_t narrow(const ask *a, uint32_t *rows, size_t n, float list_base)
{
    const image *base = &a->all->v->base;
    size_t turned = base->head->turned, kept = 0;
    int32_t products[BATCH];
    a->all->kernels->dot_i8(products, a->z_codes, base->codes, turned, rows, n, turned);
    float least = threshold(&a->best);
    for (size_t i = 0; i < n; i++) {
        uint32_t row = rows[i];
        float scale = base->scale[row];
        float score = list_base + scale * (a->z_step * (float)products[i]) + base->shift[row];
        rows[kept] = row;
        kept += !(score + CODE_DOUBT * a->z_length * fabsf(scale) < least);
    }
    return kept;
}

/* Dealt with in batches, since the threshold rises meanwhile. done: bits of rows, or NULL. */
static void offer_promising(ask *a, const uint32_t *rows, size_t n, size_t first, float list_base,
                            const uint64_t *done)
{
    uint32_t batch[BATCH];
    for (size_t i = 0; i < n;) {
        size_t these = 0;
        for (; i < n && these < BATCH; i++) {
            bool again = done != NULL && (done[rows[i] / 64] >> (rows[i] % 64) & 1) != 0;
            batch[these] = (uint32_t)first + rows[i];
            these += !again && is_kept(a->all, first + rows[i]);
        }
        if (a->all->v->base.codes != NULL && these > 0)
            these = narrow(a, batch, these, list_base);
        offer_picked(a, batch, these);
    }
}

/* Before there is a threshold: the k rows that look best, in floats, so that there is a good one.
 * Sets their bits in done. */
static void offer_seeds(ask *a, const uint16_t *sums, size_t row, size_t n, uint64_t *done)
{
    const image *base = &a->all->v->base;
    fr_vector_hit room[SEEDS];
    uint32_t rows[SEEDS];
    best seeds = { .at = room, .k = FR_MIN(a->best.k, (size_t)SEEDS) };
    for (size_t i = 0; i < n; i++) {
        float sum = a->table_step * (float)sums[i] + a->table_bias;
        float score = base->factor[row + i] * sum + base->offset[row + i];
        if ((seeds.n < seeds.k || score > seeds.at[0].score) && is_kept(a->all, row + i))
            offer(&seeds, (int64_t)i, score);
    }
    for (size_t s = 0; s < seeds.n; s++) {
        rows[s] = (uint32_t)(row + (size_t)seeds.at[s].id);
        done[seeds.at[s].id / 64] |= (uint64_t)1 << (seeds.at[s].id % 64);
    }
    offer_picked(a, rows, seeds.n);
}

static void read_signs(ask *a, size_t list)
{
    const image *base = &a->all->v->base;
    size_t turned = base->head->turned, end = base->first[list + 1];
    size_t block_bytes = turned / 8 * FR_SIMILAR_BLOCK;
    float slack = base->head->slack * (a->list_length[list] + 2.0f * a->table_doubt);
    uint16_t sums[CHUNK + FR_SIMILAR_BLOCK];
    uint32_t picked[CHUNK + FR_SIMILAR_BLOCK + 16];
    for (size_t row = base->first[list]; row < end;) {
        size_t block = row / FR_SIMILAR_BLOCK, skip = row % FR_SIMILAR_BLOCK;
        size_t n = FR_MIN(end - row, CHUNK - skip);
        size_t n_blocks = (skip + n + FR_SIMILAR_BLOCK - 1) / FR_SIMILAR_BLOCK;
        a->all->kernels->sum_codes(sums, base->signs + block * block_bytes, a->tables, n_blocks,
                                   turned / FR_SIMILAR_GROUP);
        uint64_t done[CHUNK / 64 + 1] = { 0 };
        bool seeded = a->best.n < a->best.k;
        if (seeded)
            offer_seeds(a, sums + skip, row, n, done);
        size_t kept = a->all->kernels->above(
            picked, sums + skip, base->factor + row, base->offset + row, base->doubt + row, n,
            a->table_step, a->table_bias, slack, threshold(&a->best) - a->list_base[list]);
        offer_promising(a, picked, kept, row, a->list_base[list], seeded ? done : NULL);
        row += n;
    }
}

static void read_codes(ask *a, size_t list)
{
    const image *base = &a->all->v->base;
    uint32_t rows[BATCH];
    size_t end = base->first[list + 1];
    for (size_t row = base->first[list]; row < end; row += BATCH) {
        size_t n = FR_MIN(end - row, (size_t)BATCH);
        for (size_t i = 0; i < n; i++)
            rows[i] = (uint32_t)i;
        offer_promising(a, rows, n, row, a->list_base[list], NULL);
    }
}

static void read_list(ask *a, size_t list)
{
    if (a->all->v->base.signs != NULL)
        read_signs(a, list);
    else
        read_codes(a, list);
}

/* List numbers before[0…n) by falling bound; ties by number. */
static void order_lists(uint32_t *order, size_t n, const float *bound)
{
    for (size_t gap = n / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < n; i++) {
            uint32_t moved = order[i];
            size_t j = i;
            for (; j >= gap && (bound[order[j - gap]] < bound[moved] ||
                                (bound[order[j - gap]] == bound[moved] && order[j - gap] > moved));
                 j -= gap)
                order[j] = order[j - gap];
            order[j] = moved;
        }
}

static void offer_lists(ask *a)
{
    const image *base = &a->all->v->base;
    size_t n = (size_t)base->head->n_lists, nearest = 0, promising = 0;
    measure_lists(a);
    for (size_t l = 1; l < n; l++)
        nearest = a->list_bound[l] > a->list_bound[nearest] ? l : nearest;
    read_list(a, nearest);
    for (size_t l = 0; l < n; l++) {
        if (l != nearest && a->list_bound[l] > threshold(&a->best))
            a->list_order[promising++] = (uint32_t)l;
    }
    order_lists(a->list_order, promising, a->list_bound);
    for (size_t i = 0; i < promising; i++) {
        if (!(a->list_bound[a->list_order[i]] > threshold(&a->best)))
            break;
        read_list(a, a->list_order[i]);
    }
}

static void turn_question(ask *a)
{
    const fr_vectors *v = a->all->v;
    size_t dim = v->spec.dim, turned = v->base.head->turned;
    const float *mean = v->base.centres + (size_t)v->base.head->n_lists * dim;
    memset(a->z, 0, turned * sizeof(float));
    double square = 0.0;
    for (size_t d = 0; d < dim; d++) {
        a->z[d] = a->q[d] - mean[d];
        square += (double)a->z[d] * (double)a->z[d];
    }
    a->z_length = (float)sqrt(square);
    turn(a->z, turned);
    if (v->base.codes != NULL)
        make_codes(a, turned);
    if (v->base.signs != NULL)
        make_tables(a, turned);
}

static void *cut_off(char **memory, size_t bytes)
{
    void *at = *memory;
    *memory += (bytes + 63) / 64 * 64;
    return at;
}

/* Scratch of one thread: made once, used for question after question. */
static char *ask_init(ask *a, const asked *all)
{
    const fr_vectors *v = all->v;
    size_t turned = v->head.turned, lists = v->base.head != NULL ? (size_t)v->head.n_lists : 0;
    char *memory = FR_NEW_N(char, turned * 10 + lists * 16 + 7 * 64 + 64), *at = memory;
    *a = (ask){ .all = all };
    a->z = cut_off(&at, turned * sizeof(float));
    a->z_codes = cut_off(&at, turned * sizeof(int16_t));
    a->tables = cut_off(&at, turned / FR_SIMILAR_GROUP * 16);
    a->list_base = cut_off(&at, lists * sizeof(float));
    a->list_bound = cut_off(&at, lists * sizeof(float));
    a->list_length = cut_off(&at, lists * sizeof(float));
    a->list_order = cut_off(&at, lists * sizeof(uint32_t));
    return memory;
}

static void answer(ask *a, const float *q, size_t k, fr_vector_hit *hits, size_t *found)
{
    const asked *all = a->all;
    a->q = q;
    a->best = (best){ .at = hits, .k = k };
    offer_tail(a);
    if (all->few != NULL) {
        offer_picked(a, all->few, all->n_kept);
    } else if (all->n_kept > 0) {
        if (all->options->exact || all->v->base.head->n_lists == 0) {
            offer_all_floats(a);
        } else {
            turn_question(a);
            offer_lists(a);
        }
    }
    in_order(&a->best);
    *found = a->best.n;
}

/* --- many questions ----------------------------------------------------------------------------
 */

static void choose_rows(asked *all)
{
    const fr_vectors *v = all->v;
    size_t n = base_n(v);
    all->n_kept = n - v->n_dead;
    if (all->options->keep != NULL) {
        all->kept = FR_NEW_N(uint64_t, n / 64 + 1);
        all->n_kept = 0;
        for (size_t row = 0; row < n; row++) {
            if (row_is_dead(v, row) || !all->options->keep(all->options->user, v->base.ids[row]))
                continue;
            all->kept[row / 64] |= (uint64_t)1 << (row % 64);
            all->n_kept++;
        }
    }
    if (all->n_kept == 0 || all->n_kept > n / FEW_SHARE)
        return;
    all->few = FR_NEW_N(uint32_t, all->n_kept);
    size_t few = 0;
    for (size_t row = 0; row < n; row++) {
        if (is_kept(all, row))
            all->few[few++] = (uint32_t)row;
    }
}

typedef struct {
    const asked *all;
    const float *questions;
    size_t k;
    fr_vector_hit *hits;
    size_t *found;
    size_t n_floats; /* of one thread's work only */
} share;

static void answer_range(void *at, size_t first, size_t end, int thread)
{
    (void)thread;
    share *s = at;
    size_t dim = s->all->v->spec.dim;
    ask a;
    char *memory = ask_init(&a, s->all);
    for (size_t i = first; i < end; i++)
        answer(&a, s->questions + i * dim, s->k, s->hits + i * s->k, s->found + i);
    if (first == 0)
        s->n_floats = a.n_floats;
    free(memory);
}

static void answer_all(const fr_vectors *v, const float *questions, size_t n, size_t k,
                       const fr_vectors_options *options, fr_pool *pool, fr_vector_hit *hits,
                       size_t *found, size_t *n_floats)
{
    static const fr_vectors_options NOTHING_SAID = { 0 };
    asked all = { .v = v,
                  .kernels = fr_similar_best(),
                  .options = options != NULL ? options : &NOTHING_SAID };
    choose_rows(&all);
    share s = { .all = &all, .questions = questions, .k = k, .hits = hits, .found = found };
    fr_pool_run(pool, n, answer_range, &s);
    if (n_floats != NULL)
        *n_floats = s.n_floats;
    free(all.kept);
    free(all.few);
}

int fr_vectors_search(const fr_vectors *v, const float *questions, size_t n, size_t k,
                      const fr_vectors_options *options, fr_pool *pool, fr_vector_hit *hits,
                      size_t *found, fr_err *err)
{
    size_t dim = v->spec.dim;
    memset(found, 0, n * sizeof(*found));
    float *fit = FR_NEW_N(float, n *dim);
    memcpy(fit, questions, n * dim * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        const char *why = make_fit(fit + i * dim, dim, v->spec.metric);
        if (why != NULL) {
            free(fit);
            return fr_fail(err, FR_E_USAGE, NULL, "the vector of question %zu %s", i, why);
        }
    }
    if (n > 0 && k > 0)
        answer_all(v, fit, n, k, options, pool, hits, found, NULL);
    free(fit);
    return 0;
}

void search_counting(const fr_vectors *v, const float *question, size_t k,
                     const fr_vectors_options *options, fr_vector_hit *hits, size_t *found,
                     size_t *n_floats)
{
    answer_all(v, question, 1, k, options, NULL, hits, found, n_floats);
}

size_t list_of(const image *base, size_t row)
{
    size_t low = 0, high = (size_t)base->head->n_lists;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (base->first[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int sign_of(const image *base, size_t row, size_t i)
{
    size_t pairs = base->head->turned / 8;
    uint8_t two = base->signs[(row / FR_SIMILAR_BLOCK * pairs + i / 8) * FR_SIMILAR_BLOCK +
                              row % FR_SIMILAR_BLOCK];
    return (two >> (i % 8) & 1) != 0 ? 1 : -1;
}

void estimate_rows(const fr_vectors *v, const float *question, const size_t *rows, size_t n,
                   estimate *out)
{
    const image *base = &v->base;
    asked all = { .v = v, .kernels = fr_similar_best() };
    ask a;
    char *memory = ask_init(&a, &all);
    a.q = question;
    turn_question(&a);
    measure_lists(&a);
    float root = sqrtf((float)v->spec.dim);
    for (size_t r = 0; r < n; r++) {
        size_t row = rows[r], list = list_of(base, row);
        float spread = base->spread[list], length = a.list_length[list];
        out[r] = (estimate){ .list_base = a.list_base[list] - (is_l2(&a) ? spread * spread : 0.0f),
                             .list_width = (is_l2(&a) ? 2.0f : 1.0f) * length * spread / root };
        if (base->signs == NULL)
            continue;
        float sum = 0.0f;
        for (size_t i = 0; i < base->head->turned; i++)
            sum += (float)sign_of(base, row, i) * a.z[i];
        out[r].row_estimate = a.list_base[list] + base->factor[row] * sum + base->offset[row];
        out[r].row_width = length * base->doubt[row];
    }
    free(memory);
}
