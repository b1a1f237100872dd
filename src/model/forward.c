/* forward.c: runs the architecture's operation list on the rows of a step.
 *
 * A step is one task of the pool: every thread walks the whole list and takes its share of each
 * operation; where an operation needs what another thread wrote, all meet at a barrier. That costs
 * one wake-up a step instead of one an operation. Shares are cut so that meetings are rare, four a
 * layer for llama:
 *
 *   outputs   of products and of what is elementwise behind them: columns, for all rows
 *   heads     queries, keys, values, attention: a key-value head and its queries, for all rows
 *   own       the normed row, H: cheap, so each thread makes all of it in memory of its own
 *
 * Which thread computes what is never visible: each output is made by one thread, from its own
 * row, by kernels that do not look at the others (kernels/kernels.h). */
#include <linux/futex.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "model/model_priv.h"

enum {
    OUTPUTS_AT_ONCE = 16, /* shares of outputs are multiples: whole tiles, whole cache lines */
    SPINS = 200           /* looks at a barrier before sleeping there: some ten microseconds */
};

/* ---- the barrier ----------------------------------------------------------------------------- */

typedef struct {
    unsigned threads;
    atomic_uint waiting, round;
    atomic_uint slept; /* how often somebody's wait outlasted the spin */
} barrier;

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Threads of a step arrive within microseconds of each other, so a short spin comes first; one that
 * lost its processor is waited for asleep. */
static void meet(barrier *b)
{
    if (b->threads == 1)
        return;
    unsigned round = atomic_load_explicit(&b->round, memory_order_acquire);
    if (atomic_fetch_add_explicit(&b->waiting, 1, memory_order_acq_rel) + 1 == b->threads) {
        atomic_store_explicit(&b->waiting, 0, memory_order_relaxed);
        atomic_fetch_add_explicit(&b->round, 1, memory_order_release);
        syscall(SYS_futex, &b->round, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
        return;
    }
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&b->round, memory_order_acquire) != round)
            return;
        pause_briefly();
    }
    atomic_fetch_add_explicit(&b->slept, 1, memory_order_relaxed);
    while (atomic_load_explicit(&b->round, memory_order_acquire) == round)
        syscall(SYS_futex, &b->round, FUTEX_WAIT_PRIVATE, round, NULL, NULL, 0);
}

/* ---- a step ------------------------------------------------------------------------------------
 */

typedef struct {
    const fr_model *m;
    const fr_kernels *k;
    const fr_adapter *adapter;
    fr_kv *kv;
    const fr_row *rows;
    size_t n, n_logits;
    float *logits;                /* NULL: hidden states are wanted */
    bool remembers;               /* only what the encoder made is put into the state */
    float *value[FR_VALUE_COUNT]; /* [n][width]; of H one for each thread */
    size_t width[FR_VALUE_COUNT];
    float *angles[ROPE_SETS]; /* [n][rope_dim] cos, sin; NULL where there are none */
    float *scores;            /* [threads][group][longest] */
    float *addend;            /* [n][widest]: a product that is added to something */
    float *low;               /* [threads][n][rank]: the adapter's inner values */
    float *high;              /* [threads][n][widest]: what it adds */
    size_t scores_n, addend_n, low_n, gathered_n; /* of one thread; addend_n of all */
    float *gathered; /* [threads][widest]: a row's part of a sum over experts */
    bool by_heads;   /* there are enough key-value heads to deal them out to the threads */
    uint32_t *live;  /* [n] which rows are computed on; only those with logits behind the last
                        attention */
    barrier barrier;
} step;

/* One thread's walk: how many rows are live, and what was touched since the last barrier: written
 * in shares, and read beyond the own share. Bits by fr_value. */
typedef struct {
    step *s;
    size_t thread, threads, n_live;
    unsigned written, read;
    int64_t at_ns; /* where the last operation ended; only with somebody listening */
} walk;

static void share(const walk *w, size_t n, size_t unit, size_t *first, size_t *end)
{
    size_t units = (n + unit - 1) / unit;
    *first = FR_MIN(units * w->thread / w->threads * unit, n);
    *end = FR_MIN(units * (w->thread + 1) / w->threads * unit, n);
}

static size_t rounded(size_t n)
{
    return (n + OUTPUTS_AT_ONCE - 1) / OUTPUTS_AT_ONCE * OUTPUTS_AT_ONCE;
}

static float *value_of(const walk *w, fr_value v)
{
    const step *s = w->s;
    size_t own = v == FR_VALUE_H ? w->thread * rounded(s->n * s->width[v]) : 0;
    return s->value[v] + own;
}

static bool is_of_heads(const step *s, fr_value v)
{
    fr_dim dim = fr_value_dim(v);
    return s->by_heads && (dim == FR_DIM_Q || dim == FR_DIM_KV);
}

/* The columns of a value that this thread makes. */
static void share_columns(const walk *w, fr_value v, size_t *first, size_t *end)
{
    size_t heads = w->s->m->shape.n_kv_heads, width = w->s->width[v];
    if (!is_of_heads(w->s, v)) {
        share(w, width, OUTPUTS_AT_ONCE, first, end);
        return;
    }
    share(w, heads, 1, first, end);
    *first *= width / heads;
    *end *= width / heads;
}

/* The token's row, or the position's, or that of its kind. */
static void embed(const walk *w, const fr_op *op)
{
    step *s = w->s;
    size_t first, end, width = s->width[op->out];
    const fr_packed *table = model_weight_of(s->m, op->weight, 0)->matrix;
    float scale = s->m->shape.embed_scale, *own = s->gathered + w->thread * s->gathered_n;
    share(w, w->n_live, 1, &first, &end);
    for (size_t r = first; r < end; r++) {
        float *out = value_of(w, op->out) + r * width;
        switch (op->kind) {
        case FR_OP_EMBED:
            fr_packed_row(table, (size_t)s->rows[r].token, out);
            for (size_t i = 0; scale > 0 && i < width; i++)
                out[i] *= scale;
            break;
        default:
            fr_packed_row(table, op->kind == FR_OP_POSITION ? s->rows[r].position : s->rows[r].kind,
                          own);
            s->k->add(out, own, 1, width);
            break;
        }
    }
}

static bool is_per_head(const step *s, const fr_op *op)
{
    return op->in == op->out &&
           (fr_value_dim(op->in) == FR_DIM_Q || fr_value_dim(op->in) == FR_DIM_KV) &&
           fr_arch_slot(s->m->arch, op->weight)->cols == FR_DIM_HEAD;
}

static void norm_group(const step *s, const fr_op *op, size_t layer, float *out, const float *in,
                       size_t group)
{
    const float *weight = model_weight_of(s->m, op->weight, layer)->vector;
    const float *bias =
        op->bias != FR_SLOT_NONE ? model_weight_of(s->m, op->bias, layer)->vector : NULL;
    if (s->m->arch->norm == FR_NORM_LAYER)
        fr_layernorm(out, in, weight, bias, group, s->m->shape.norm_eps);
    else
        s->k->rmsnorm(out, in, weight, group, s->m->shape.norm_eps);
}

static void share_heads(const walk *w, size_t n_rows, size_t *first_row, size_t *end_row,
                        size_t *first_head, size_t *end_head);

static void norm(const walk *w, const fr_op *op, size_t layer)
{
    step *s = w->s;
    size_t first = 0, end = w->n_live, head = 0, end_head = 1, width = s->width[op->in];
    size_t group = fr_shape_dim(&s->m->shape, fr_arch_slot(s->m->arch, op->weight)->cols);
    size_t part = width; /* of a row that one of `head` … `end_head` stands for */
    float *out = value_of(w, op->out), *in = value_of(w, op->in);
    float *own = s->gathered + w->thread * s->gathered_n;
    if (is_per_head(s, op)) {
        share_heads(w, w->n_live, &first, &end, &head, &end_head);
        part = width / s->m->shape.n_kv_heads;
    } else if (op->out != FR_VALUE_H) {
        share(w, w->n_live, 1, &first, &end);
    }
    for (size_t r = first; r < end; r++)
        for (size_t at = r * width + head * part; at < r * width + end_head * part; at += group) {
            norm_group(s, op, layer, op->add ? own : out + at, in + at, group);
            if (op->add)
                s->k->add(out + at, own, 1, group);
        }
}

/* y[…][first…end] += scale · b · a · x for this thread's outputs. The inner values are few, so each
 * thread computes all of them for itself rather than wait for the others. */
static void add_adapter(const walk *w, const adapter_part *part, float *y, size_t n_out,
                        const float *x, size_t n_in, size_t first, size_t end)
{
    step *s = w->s;
    float *low = s->low + w->thread * s->low_n, *high = s->high + w->thread * s->addend_n;
    s->k->linear(low, part->rank, x, n_in, w->n_live, part->a, 0, part->rank);
    s->k->linear(high, n_out, low, part->rank, w->n_live, part->b, first, end);
    for (size_t r = 0; r < w->n_live; r++)
        s->k->add(y + r * n_out + first, high + r * n_out + first, part->scale, end - first);
}

static void finish_logits(const walk *w, float *out, size_t n_out, size_t first, size_t end)
{
    const fr_shape *shape = &w->s->m->shape;
    for (size_t r = 0; r < w->n_live; r++) {
        float *at = out + r * n_out;
        for (size_t i = first; shape->logit_scale > 0 && i < end; i++)
            at[i] *= shape->logit_scale;
        if (shape->logit_cap > 0)
            fr_soft_cap(w->s->k, at + first, end - first, shape->logit_cap);
    }
}

static void linear(const walk *w, const fr_op *op, size_t layer)
{
    step *s = w->s;
    const fr_packed *matrix = model_weight_of(s->m, op->weight, layer)->matrix;
    size_t first, end, n_in = s->width[op->in], n_out = s->width[op->out];
    share_columns(w, op->out, &first, &end);
    if (first == end)
        return;
    float *in = value_of(w, op->in), *out = s->value[op->out], *y = op->add ? s->addend : out;
    s->k->linear(y, n_out, in, n_in, w->n_live, matrix, first, end);
    if (op->bias != FR_SLOT_NONE) {
        const float *bias = model_weight_of(s->m, op->bias, layer)->vector;
        for (size_t r = 0; r < w->n_live; r++)
            s->k->add(y + r * n_out + first, bias + first, 1, end - first);
    }
    const adapter_part *part =
        s->adapter != NULL ? &s->adapter->parts[layer * FR_SLOT_COUNT + op->weight] : NULL;
    if (part != NULL && part->rank != 0)
        add_adapter(w, part, y, n_out, in, n_in, first, end);
    for (size_t r = 0; op->add && r < w->n_live; r++)
        s->k->add(out + r * n_out + first, y + r * n_out + first, 1, end - first);
    if (op->kind == FR_OP_LOGITS)
        finish_logits(w, out, n_out, first, end);
}

/* Rows × heads: either all rows of the own heads, or the own rows of all heads. */
static void share_heads(const walk *w, size_t n_rows, size_t *first_row, size_t *end_row,
                        size_t *first_head, size_t *end_head)
{
    size_t heads = w->s->m->shape.n_kv_heads;
    *first_row = *first_head = 0;
    *end_row = n_rows;
    *end_head = heads;
    if (w->s->by_heads)
        share(w, heads, 1, first_head, end_head);
    else
        share(w, n_rows, 1, first_row, end_row);
}

static void rope(const walk *w, const fr_op *op, size_t layer)
{
    step *s = w->s;
    const fr_shape *shape = &s->m->shape;
    const bool local = s->angles[ROPE_LOCAL] != NULL && fr_shape_is_local(shape, layer);
    const float *angles = s->angles[local ? ROPE_LOCAL : ROPE_ALL];
    size_t row, end_row, head, end_head, width = s->width[op->out];
    size_t group = width / shape->head_dim / shape->n_kv_heads;
    share_heads(w, w->n_live, &row, &end_row, &head, &end_head);
    for (; row < end_row; row++)
        fr_rope_turn(s->value[op->out] + row * width + head * group * shape->head_dim,
                     angles + row * shape->rope_dim, (end_head - head) * group, shape->head_dim,
                     shape->rope_dim, s->m->arch->rope == FR_ROPE_HALVES);
}

static void store_keys_and_values(const walk *w, const fr_op *op, size_t layer)
{
    step *s = w->s;
    const fr_shape *shape = &s->m->shape;
    size_t row, end_row, first_head, end_head, dim = shape->head_dim;
    size_t bytes = s->kv->row_bytes;
    const fr_value from[2] = { op->in2, op->in3 };
    const bool remember = op->kind == FR_OP_REMEMBER;
    share_heads(w, s->n, &row, &end_row, &first_head, &end_head);
    for (; row < end_row; row++)
        for (size_t h = first_head; h < end_head; h++)
            for (size_t which = 0; which < 2; which++)
                s->k->narrow(
                    (remember ? kv_read_at : kv_at)(s->kv, s->rows[row].sequence, layer, which, h) +
                        s->rows[row].position * bytes,
                    s->kv->format, s->value[from[which]] + (row * shape->n_kv_heads + h) * dim,
                    dim);
}

/* Positions from the first that the layer lets the row see to the row's own; where attention is not
 * causal, to the end of its sequence. */
static void attend_head(const walk *w, const fr_op *op, size_t layer, size_t live, size_t head)
{
    step *s = w->s;
    const fr_shape *shape = &s->m->shape;
    const fr_row *row = &s->rows[s->live[live]];
    size_t group = shape->n_heads / shape->n_kv_heads, dim = shape->head_dim;
    size_t at = live * s->width[op->in] + head * group * dim;
    size_t end = shape->looks_ahead ? s->kv->next[row->sequence] : (size_t)row->position + 1;
    size_t first = fr_shape_is_local(shape, layer) && end > shape->window ? end - shape->window : 0;
    size_t skip = first * s->kv->row_bytes;
    const float *bias = op->weight == FR_SLOT_NONE
                            ? NULL
                            : s->kv->distance + head * (2 * s->kv->context - 1) +
                                  (s->kv->context - 1 + first - row->position);
    s->k->attend(s->value[op->out] + at, s->value[op->in] + at,
                 kv_at(s->kv, row->sequence, layer, 0, head) + skip,
                 kv_at(s->kv, row->sequence, layer, 1, head) + skip, s->kv->format, group,
                 end - first, dim, s->m->attn_scale, shape->attn_cap, bias,
                 s->scores + w->thread * s->scores_n);
}

/* All of what the encoder made. */
static void look_back_head(const walk *w, const fr_op *op, size_t layer, size_t live, size_t head)
{
    step *s = w->s;
    const fr_shape *shape = &s->m->shape;
    const uint32_t sequence = s->rows[s->live[live]].sequence;
    size_t group = shape->n_heads / shape->n_kv_heads, dim = shape->head_dim;
    size_t at = live * s->width[op->in] + head * group * dim;
    s->k->attend(
        s->value[op->out] + at, s->value[op->in] + at, kv_read_at(s->kv, sequence, layer, 0, head),
        kv_read_at(s->kv, sequence, layer, 1, head), s->kv->format, group, s->kv->n_read[sequence],
        dim, s->m->attn_scale, 0, NULL, s->scores + w->thread * s->scores_n);
}

/* All rows of the own heads; or rows and heads dealt out in turn, since later rows of a prompt have
 * more to look at. */
static void attend(const walk *w, const fr_op *op, size_t layer)
{
    size_t heads = w->s->m->shape.n_kv_heads, first = 0, end = heads;
    if (w->s->by_heads)
        share(w, heads, 1, &first, &end);
    for (size_t head = first; head < end; head++)
        for (size_t r = 0; r < w->n_live; r++)
            if (w->s->by_heads || (r * heads + head) % w->threads == w->thread)
                (op->kind == FR_OP_ATTENTION ? attend_head : look_back_head)(w, op, layer, r, head);
}

/* The columns of one of the parts of a value: of each picked expert, or all. */
static size_t share_part(const walk *w, fr_value v, size_t *first, size_t *end)
{
    if (fr_value_dim(v) != FR_DIM_PICKED_FFN) {
        share_columns(w, v, first, end);
        return w->s->width[v];
    }
    share(w, w->s->m->shape.expert_ffn_dim, OUTPUTS_AT_ONCE, first, end);
    return w->s->m->shape.expert_ffn_dim;
}

static void activate(const walk *w, const fr_op *op)
{
    step *s = w->s;
    const fr_arch *arch = s->m->arch;
    const bool ungated = op->in2 == FR_VALUE_NONE && arch->ungated != FR_ACT_NONE;
    const fr_activation kind = ungated ? arch->ungated : arch->activation;
    size_t first, end, width = s->width[op->out], part = share_part(w, op->out, &first, &end);
    for (size_t r = 0; r < w->n_live; r++)
        for (size_t at = r * width + first; at < (r + 1) * width; at += part) {
            float *out = s->value[op->out] + at;
            const float *gate = s->value[op->in] + at;
            const float *up = op->in2 != FR_VALUE_NONE ? s->value[op->in2] + at : NULL;
            if (kind == FR_ACT_SILU && up != NULL)
                s->k->silu_mul(out, gate, up, end - first);
            else
                fr_activate(s->k, kind, out, gate, up, end - first);
        }
}

/* ---- experts -----------------------------------------------------------------------------------
 * Each row goes its own way: the products of a row are those of its experts, one row at a time. */

/* The largest of the softmax, the first of equals first. */
static void pick(const walk *w, const fr_op *op)
{
    step *s = w->s;
    const fr_shape *shape = &s->m->shape;
    size_t row, end, used = shape->n_experts_used;
    share(w, w->n_live, 1, &row, &end);
    for (; row < end; row++) {
        float *share_of = s->value[op->in] + row * shape->n_experts, sum = 0;
        float *number = s->value[op->out] + row * 2 * used, *weight = number + used;
        s->k->softmax(share_of, shape->n_experts, 1);
        for (size_t i = 0; i < used; i++) {
            size_t best = 0;
            for (size_t e = 1; e < shape->n_experts; e++)
                if (share_of[e] > share_of[best])
                    best = e;
            number[i] = (float)best;
            weight[i] = share_of[best];
            sum += weight[i];
            share_of[best] = -1;
        }
        for (size_t i = 0; shape->experts_renormed && i < used; i++)
            weight[i] /= sum;
    }
}

static void expert_linear(const walk *w, const fr_op *op, size_t layer)
{
    step *s = w->s;
    size_t used = s->m->shape.n_experts_used, first, end, n_in = s->width[op->in];
    size_t n_out = s->width[op->out], part = share_part(w, op->out, &first, &end);
    fr_packed **experts = model_weight_of(s->m, op->weight, layer)->experts;
    if (first == end)
        return;
    for (size_t r = 0; r < w->n_live; r++)
        for (size_t i = 0; i < used; i++)
            s->k->linear(s->value[op->out] + r * n_out + i * part, part,
                         value_of(w, op->in) + r * n_in, n_in, 1,
                         experts[(size_t)s->value[op->in2][r * 2 * used + i]], first, end);
}

static void expert_sum(const walk *w, const fr_op *op, size_t layer)
{
    step *s = w->s;
    const fr_shape *shape = &s->m->shape;
    size_t used = shape->n_experts_used, first, end, n_in = shape->expert_ffn_dim;
    size_t n_out = s->width[op->out];
    fr_packed **experts = model_weight_of(s->m, op->weight, layer)->experts;
    float *own = s->gathered + w->thread * s->gathered_n;
    share_columns(w, op->out, &first, &end);
    for (size_t r = 0; r < w->n_live && first < end; r++) {
        const float *picked = s->value[op->in2] + r * 2 * used;
        for (size_t i = 0; i < used; i++) {
            s->k->linear(own, n_out, s->value[op->in] + r * s->width[op->in] + i * n_in, n_in, 1,
                         experts[(size_t)picked[i]], first, end);
            s->k->add(s->value[op->out] + r * n_out + first, own + first, picked[used + i],
                      end - first);
        }
    }
}

/* Behind the last attention only rows that want logits matter: the others are dropped. */
static void keep_rows_with_logits(step *s)
{
    size_t kept = 0;
    for (size_t r = 0; r < s->n; r++) {
        if (!s->rows[r].want_logits)
            continue;
        for (size_t v = 0; v < FR_VALUE_COUNT && kept != r; v++)
            if (s->value[v] != NULL && v != FR_VALUE_LOGITS && v != FR_VALUE_H)
                memcpy(s->value[v] + kept * s->width[v], s->value[v] + r * s->width[v],
                       s->width[v] * sizeof(float));
        s->live[kept++] = (uint32_t)r;
    }
}

static unsigned bit(fr_value v)
{
    return v != FR_VALUE_NONE && v != FR_VALUE_H ? 1u << v : 0; /* H is nobody else's business */
}

/* Which values an operation reads beyond the share that it writes. */
static unsigned reads_of_others(const step *s, const fr_op *op)
{
    switch (op->kind) {
    case FR_OP_NORM:
        return is_per_head(s, op) && s->by_heads ? 0 : bit(op->in);
    case FR_OP_LINEAR:
    case FR_OP_PICK:
    case FR_OP_LOGITS:
        return bit(op->in);
    case FR_OP_EXPERT_LINEAR:
    case FR_OP_EXPERT_SUM:
        return bit(op->in) | bit(op->in2);
    case FR_OP_ROPE:
    case FR_OP_ATTENTION:
    case FR_OP_CROSS_ATTENTION:
    case FR_OP_REMEMBER:
        return s->by_heads ? 0 : bit(op->in) | bit(op->in2) | bit(op->in3);
    case FR_OP_ACTIVATE: /* columns of both, as the products before wrote them */
    case FR_OP_EMBED:
    case FR_OP_POSITION: /* rows, as the embedding before wrote them */
    case FR_OP_KIND:
    case FR_OP_NONE:
        break;
    }
    return 0;
}

/* Waits where this operation reads what others wrote since the last meeting, or overwrites what
 * they may still read. Every thread comes to the same answer. */
static void meet_before(walk *w, const fr_op *op)
{
    unsigned reads = reads_of_others(w->s, op), writes = bit(op->out);
    unsigned addend = op->add ? 1u << FR_VALUE_COUNT : 0; /* one for all, its columns vary */
    if ((reads & w->written) != 0 || (writes & w->read) != 0 || (addend & w->written) != 0) {
        meet(&w->s->barrier);
        w->written = w->read = 0;
    }
    w->written |= writes | addend;
    w->read |= reads;
}

static void run_op(walk *w, const fr_op *op, size_t layer)
{
    step *s = w->s;
    meet_before(w, op);
    switch (op->kind) {
    case FR_OP_EMBED:
    case FR_OP_POSITION:
    case FR_OP_KIND:
        embed(w, op);
        break;
    case FR_OP_NORM:
        norm(w, op, layer);
        break;
    case FR_OP_LINEAR:
    case FR_OP_LOGITS:
        linear(w, op, layer);
        break;
    case FR_OP_ROPE:
        rope(w, op, layer);
        break;
    case FR_OP_ATTENTION:
        store_keys_and_values(w, op, layer);
        if (layer + 1 == s->m->shape.n_layers && s->n_logits < s->n) {
            meet(&s->barrier);
            if (w->thread == 0)
                keep_rows_with_logits(s);
            w->n_live = s->n_logits;
            meet(&s->barrier);
        } else if (!s->by_heads) {
            meet(&s->barrier);
        }
        attend(w, op, layer);
        break;
    case FR_OP_REMEMBER:
        store_keys_and_values(w, op, layer);
        break;
    case FR_OP_CROSS_ATTENTION:
        attend(w, op, layer);
        break;
    case FR_OP_ACTIVATE:
        activate(w, op);
        break;
    case FR_OP_PICK:
        pick(w, op);
        break;
    case FR_OP_EXPERT_LINEAR:
        expert_linear(w, op, layer);
        break;
    case FR_OP_EXPERT_SUM:
        expert_sum(w, op, layer);
        break;
    case FR_OP_NONE:
        break;
    }
}

/* What this thread's share of an operation came to. */
static void weigh_op(const walk *w, const fr_op *op, size_t layer, fr_op_event *e)
{
    const step *s = w->s;
    const fr_shape *shape = &s->m->shape;
    size_t first, end, rows = w->n_live;
    if (op->kind == FR_OP_LINEAR || op->kind == FR_OP_LOGITS) {
        const fr_packed *matrix = model_weight_of(s->m, op->weight, layer)->matrix;
        size_t n_in = fr_packed_n_in(matrix), n_out = fr_packed_n_out(matrix);
        share_columns(w, op->out, &first, &end);
        e->flops = 2.0 * (double)n_in * (double)(end - first) * (double)rows;
        e->bytes = (double)fr_packed_bytes(matrix) * (double)(end - first) / (double)n_out;
    } else if (op->kind == FR_OP_ATTENTION || op->kind == FR_OP_CROSS_ATTENTION) {
        const bool cross = op->kind == FR_OP_CROSS_ATTENTION;
        double positions = 0;
        for (size_t r = 0; r < rows; r++)
            positions += cross                ? (double)s->kv->n_read[s->rows[s->live[r]].sequence]
                         : shape->looks_ahead ? (double)s->kv->next[s->rows[s->live[r]].sequence]
                                              : (double)s->rows[s->live[r]].position + 1;
        positions /= (double)w->threads;
        e->flops = 4.0 * positions * (double)(shape->n_heads * shape->head_dim);
        e->bytes = positions * (double)fr_kv_bytes_per_token(s->kv) / (double)shape->n_layers;
    }
}

static void tell_op(walk *w, const fr_op *op, size_t layer, int32_t told_layer)
{
    const fr_work_sink *to = &w->s->kv->work;
    fr_op_event e = { .op = fr_op_name(op, false),
                      .part = fr_op_part(op),
                      .layer = told_layer,
                      .thread = (int32_t)w->thread,
                      .start_ns = w->at_ns,
                      .end_ns = fr_now_monotonic_ns() };
    weigh_op(w, op, layer, &e);
    w->at_ns = e.end_ns;
    to->op(to->user, &e);
}

static void walk_op(walk *w, const fr_op *op, size_t layer, int32_t told_layer)
{
    run_op(w, op, layer);
    if (w->s->kv->work.op != NULL)
        tell_op(w, op, layer, told_layer);
}

static void walk_list(void *args, size_t first, size_t end, int thread)
{
    step *s = args;
    const fr_model *m = s->m;
    walk w = { s, first, s->barrier.threads, s->n, 0, 0, 0 };
    if (s->kv->work.op != NULL)
        w.at_ns = fr_now_monotonic_ns();
    (void)end;
    (void)thread;
    for (size_t l = 0; s->remembers && l < m->shape.n_layers; l++)
        for (size_t i = 0; i < m->n_ops[FR_PART_MEMORY]; i++)
            walk_op(&w, &m->ops[FR_PART_MEMORY][i], l, (int32_t)l);
    if (s->remembers)
        return;
    for (size_t i = 0; i < m->n_ops[FR_PART_BEFORE]; i++)
        walk_op(&w, &m->ops[FR_PART_BEFORE][i], 0, -1);
    for (size_t l = 0; l < m->shape.n_layers; l++)
        for (size_t i = 0; i < m->n_ops[FR_PART_LAYER]; i++)
            walk_op(&w, &m->ops[FR_PART_LAYER][i], l, (int32_t)l);
    for (size_t i = 0; i < m->n_ops[FR_PART_AFTER] && w.n_live > 0; i++)
        if (s->logits != NULL || m->ops[FR_PART_AFTER][i].kind != FR_OP_LOGITS)
            walk_op(&w, &m->ops[FR_PART_AFTER][i], 0, -1);
}

/* ---- before the walk ----------------------------------------------------------------------------
 */

static int check_row(const fr_model *m, fr_kv *kv, const fr_row *row, size_t i, fr_err *err)
{
    if (row->token < 0 || (size_t)row->token >= m->shape.n_vocab)
        return fr_fail(err, FR_E_USAGE, "Tokenize with the model's own tokenizer.",
                       "row %zu: token %d is not one of %zu", i, row->token, m->shape.n_vocab);
    if (row->sequence >= kv->n_sequences)
        return fr_fail(err, FR_E_USAGE, NULL, "row %zu: sequence %u is not one of %zu", i,
                       row->sequence, kv->n_sequences);
    if (row->position >= kv->context)
        return fr_fail(err, FR_E_LIMIT, "Shorten the text, or open the state for a longer context.",
                       "position %u is beyond the context of %zu", row->position, kv->context);
    if (row->kind != 0 && row->kind >= m->shape.n_types)
        return fr_fail(err, FR_E_USAGE, "The model was made for one text at a time.",
                       "row %zu: token type %u is not one of %zu", i, row->kind, m->shape.n_types);
    if (row->position >= m->positions_most)
        return fr_fail(err, FR_E_LIMIT, "Shorten the text: this model knows no later positions.",
                       "position %u is beyond the %zu that the model learned", row->position,
                       m->positions_most);
    return 0;
}

/* Rows of a sequence follow each other, the first one at or before the end of what is there (what
 * was behind it is forgotten). */
static int check_rows(const fr_model *m, fr_kv *kv, const fr_row *rows, size_t n, fr_err *err)
{
    for (size_t s = 0; s < kv->n_sequences; s++)
        kv->next[s] = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        FR_TRY(check_row(m, kv, &rows[i], i, err));
        size_t *next = &kv->next[rows[i].sequence], position = rows[i].position;
        if (*next == SIZE_MAX ? position > kv->length[rows[i].sequence] : position != *next)
            return fr_fail(err, FR_E_USAGE, NULL,
                           "row %zu: position %zu of sequence %u leaves a gap or goes back", i,
                           position, rows[i].sequence);
        if (m->shape.looks_ahead && *next == SIZE_MAX && position != 0)
            return fr_fail(err, FR_E_USAGE, NULL,
                           "row %zu: a model that looks ahead takes a text in one step", i);
        if (kv->n_read != NULL && kv->n_read[rows[i].sequence] == 0)
            return fr_fail(err, FR_E_USAGE, "Let the encoder read an input first.",
                           "row %zu: sequence %u has nothing that the decoder could look at", i,
                           rows[i].sequence);
        *next = position + 1;
    }
    return 0;
}

/* Lays the values of a step out in the state's memory, which grows to the largest step seen. */
static int make_room(step *s, size_t longest, fr_err *err)
{
    const fr_shape *shape = &s->m->shape;
    size_t threads = s->barrier.threads, widest = 0, total = 0;
    for (size_t v = 0; v < FR_VALUE_COUNT; v++) {
        s->width[v] = fr_shape_dim(shape, fr_value_dim((fr_value)v));
        if (v != FR_VALUE_LOGITS) {
            total += rounded(s->n * s->width[v]) * (v == FR_VALUE_H ? threads : 1);
            widest = FR_MAX(widest, s->width[v]);
        }
    }
    s->scores_n = rounded(shape->n_heads / shape->n_kv_heads * longest);
    s->addend_n = rounded(s->n * widest);
    s->low_n = s->adapter != NULL ? rounded(s->n * s->adapter->rank_most) : 0;
    size_t high_n = s->adapter != NULL ? threads * s->addend_n : 0;
    s->gathered_n = rounded(FR_MAX(shape->dim, shape->head_dim));
    for (size_t i = 0; i < ROPE_SETS; i++)
        total += s->m->rope[i].frequencies != NULL ? rounded(s->n * shape->rope_dim) : 0;
    total +=
        threads * (s->scores_n + s->low_n + s->gathered_n) + s->addend_n + high_n + rounded(s->n);
    step_memory *memory = &s->kv->memory;
    if (memory->n < total) {
        void *at;
        free(memory->at);
        *memory = (step_memory){ 0 };
        FR_TRY(fr_try_array(total, sizeof(float), "the values of a step", &at, err));
        *memory = (step_memory){ at, total };
    }
    float *at = memory->at;
    for (size_t v = 0; v < FR_VALUE_COUNT; v++) {
        s->value[v] = v == FR_VALUE_LOGITS ? s->logits : s->width[v] != 0 ? at : NULL;
        at += v == FR_VALUE_LOGITS ? 0
                                   : rounded(s->n * s->width[v]) * (v == FR_VALUE_H ? threads : 1);
    }
    for (size_t i = 0; i < ROPE_SETS; i++) {
        s->angles[i] = s->m->rope[i].frequencies != NULL ? at : NULL;
        at += s->angles[i] != NULL ? rounded(s->n * shape->rope_dim) : 0;
    }
    s->gathered = at;
    s->scores = s->gathered + threads * s->gathered_n;
    s->low = s->scores + threads * s->scores_n;
    s->addend = s->low + threads * s->low_n;
    s->high = s->addend + s->addend_n;
    s->live = (uint32_t *)(s->high + high_n);
    return 0;
}

/* Cos and sin of every row's position. A state made for a context beyond the original one turns by
 * the factors for long contexts from its first position on, so that what is in it stays comparable.
 */
static void make_angles(step *s)
{
    const fr_shape *shape = &s->m->shape;
    const size_t dim = shape->rope_dim;
    for (size_t set = 0; set < ROPE_SETS; set++) {
        const model_rope *rope = &s->m->rope[set];
        if (set == ROPE_ALL && s->angles[ROPE_LONG] != NULL &&
            s->kv->context > shape->rope_scaling.original_context)
            rope = &s->m->rope[ROPE_LONG];
        for (size_t i = 0; s->angles[set] != NULL && i < s->n; i++) {
            float *at = s->angles[set] + i * dim;
            fr_rope_angles(at, s->rows[i].position, rope->frequencies, dim);
            for (size_t k = 0; rope->magnitude != 1 && k < dim; k++)
                at[k] *= rope->magnitude;
        }
    }
}

/* Short steps are shared only while that pays. Where others keep the processors busy, threads of a
 * step wait for each other asleep, and a token costs three times the processor time (measured with
 * 4 million parameters): then steps run alone for a while, which changes no bit. */
static const double SHORT_FLOPS = 1e8;
enum { SLEPT_MOST = 8, ALONE_STEPS_FIRST = 8, ALONE_STEPS_MOST = 512 };

static int threads_for(fr_kv *kv, const fr_pool *pool, double flops)
{
    if (flops < kv->alone_flops)
        return 1;
    if (flops < SHORT_FLOPS && kv->alone_steps > 0) {
        kv->alone_steps--;
        return 1;
    }
    return fr_pool_threads(pool);
}

static void learn_from(fr_kv *kv, unsigned slept, double flops)
{
    if (flops >= SHORT_FLOPS)
        return;
    if (slept <= SLEPT_MOST) {
        kv->alone_next = ALONE_STEPS_FIRST;
        return;
    }
    kv->alone_steps = FR_MAX(kv->alone_next, ALONE_STEPS_FIRST);
    kv->alone_next = FR_MIN(kv->alone_steps * 2, ALONE_STEPS_MOST);
}

/* What the list made last, apart from logits. */
static fr_value last_value(const fr_model *m)
{
    fr_value v = FR_VALUE_X;
    for (size_t i = 0; i < m->n_ops[FR_PART_AFTER]; i++)
        if (m->ops[FR_PART_AFTER][i].kind != FR_OP_LOGITS)
            v = m->ops[FR_PART_AFTER][i].out;
    return v;
}

static int forward(const fr_model *m, const fr_adapter *adapter, fr_kv *kv, fr_pool *pool,
                   const fr_row *rows, size_t n, float *logits, float *hidden, fr_err *err)
{
    step s = { .m = m,
               .k = m->kernels,
               .adapter = adapter,
               .kv = kv,
               .rows = rows,
               .n = n,
               .logits = logits };
    size_t longest = 0;
    double flops = 0;
    if (n == 0)
        return 0;
    if (kv->model != m || (adapter != NULL && adapter->model != m))
        return fr_fail(err, FR_E_USAGE, NULL, "the state or the adapter is of another model");
    FR_TRY(check_rows(m, kv, rows, n, err));
    for (size_t i = 0; i < n; i++) {
        longest = FR_MAX(longest, (size_t)rows[i].position + 1);
        if (kv->n_read != NULL)
            longest = FR_MAX(longest, kv->n_read[rows[i].sequence]);
        s.n_logits += rows[i].want_logits ? 1 : 0;
        if (flops < SHORT_FLOPS)
            flops += fr_shape_flops_per_token(&m->shape, rows[i].position, rows[i].want_logits);
    }
    int threads = threads_for(kv, pool, flops);
    s.barrier.threads = (unsigned)threads;
    size_t heads = m->shape.n_kv_heads;
    s.by_heads = heads % (size_t)threads == 0 || heads >= 2 * (size_t)threads;
    FR_TRY(make_room(&s, longest, err));
    for (size_t i = 0; i < n; i++)
        s.live[i] = (uint32_t)i;
    make_angles(&s);
    fr_pool_run(threads > 1 ? pool : NULL, (size_t)threads, walk_list, &s);
    if (threads > 1)
        learn_from(kv, atomic_load_explicit(&s.barrier.slept, memory_order_relaxed), flops);
    for (size_t i = 0; i < n; i++)
        kv->length[rows[i].sequence] = (size_t)rows[i].position + 1;
    if (hidden != NULL && s.n_logits > 0)
        memcpy(hidden, s.value[last_value(m)], s.n_logits * m->shape.dim * sizeof(float));
    return 0;
}

int fr_model_forward(const fr_model *m, const fr_adapter *adapter, fr_kv *kv, fr_pool *pool,
                     const fr_row *rows, size_t n, float *logits, fr_err *err)
{
    if (m->shape.looks_ahead)
        return fr_fail(err, FR_E_USAGE, "Use it with frugal embed.",
                       "'%s' is an encoder: it makes embeddings, no text", m->path);
    return forward(m, adapter, kv, pool, rows, n, logits, NULL, err);
}

int fr_model_hidden(const fr_model *m, const fr_adapter *adapter, fr_kv *kv, fr_pool *pool,
                    const fr_row *rows, size_t n, float *hidden, fr_err *err)
{
    return forward(m, adapter, kv, pool, rows, n, NULL, hidden, err);
}

/* ---- encoder–decoders --------------------------------------------------------------------------
 */

/* What the encoder made of an input, as keys and values of every layer of the decoder. */
static int remember(const fr_model *m, fr_kv *kv, fr_pool *pool, const fr_row *rows, size_t n,
                    const float *states, fr_err *err)
{
    step s = { .m = m, .k = m->kernels, .kv = kv, .rows = rows, .n = n, .remembers = true };
    const size_t heads = m->shape.n_kv_heads;
    const int threads = threads_for(kv, pool, SHORT_FLOPS);
    s.barrier.threads = (unsigned)threads;
    s.by_heads = heads % (size_t)threads == 0 || heads >= 2 * (size_t)threads;
    FR_TRY(make_room(&s, n, err));
    for (size_t i = 0; i < n; i++)
        s.live[i] = (uint32_t)i;
    memcpy(s.value[FR_VALUE_X], states, n * m->shape.dim * sizeof(float));
    fr_pool_run(threads > 1 ? pool : NULL, (size_t)threads, walk_list, &s);
    return 0;
}

int fr_model_encode(const fr_model *m, fr_kv *kv, fr_pool *pool, size_t sequence,
                    const int32_t *ids, size_t n, fr_err *err)
{
    if (m->encoder == NULL || kv->model != m || sequence >= kv->n_sequences || n == 0)
        return fr_fail(err, FR_E_USAGE, "Only an encoder–decoder (T5) reads an input apart.",
                       "there is nothing to read, or '%s' has no encoder", m->path);
    if (n > kv->context)
        return fr_fail(err, FR_E_LIMIT, "Shorten the text, or open the state for a longer context.",
                       "an input of %zu tokens is beyond the context of %zu", n, kv->context);
    void *room;
    FR_TRY(fr_try_array(n, m->shape.dim * sizeof(float), "what the encoder makes", &room, err));
    fr_row *rows = FR_NEW_N(fr_row, n);
    for (size_t i = 0; i < n; i++)
        rows[i] = (fr_row){ .token = ids[i], .position = (uint32_t)i, .want_logits = true };
    fr_kv_truncate(kv, sequence, 0);
    fr_kv_truncate(kv->reader, 0, 0);
    kv->n_read[sequence] = 0;
    int rc = fr_model_hidden(m->encoder, NULL, kv->reader, pool, rows, n, room, err);
    for (size_t i = 0; i < n; i++)
        rows[i].sequence = (uint32_t)sequence;
    if (rc == 0)
        rc = remember(m, kv, pool, rows, n, room, err);
    if (rc == 0)
        kv->n_read[sequence] = n;
    free(rows);
    free(room);
    return rc;
}

double fr_model_encode_flops(const fr_model *m, size_t n)
{
    const fr_shape *s = &m->shape;
    if (m->encoder == NULL)
        return 0;
    const double keys = 4.0 * (double)s->dim * (double)fr_shape_dim(s, FR_DIM_KV);
    return (double)n * (fr_shape_flops_per_token(&m->encoder->shape, n - 1, false) +
                        keys * (double)s->n_layers);
}
