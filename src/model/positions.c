/* positions.c: frequencies of rotary positions (Su et al. 2021, arXiv:2104.09864), and how they
 * are stretched for contexts longer than those a model was first trained with. */
#include <math.h>
#include <stdlib.h>
#include "base/mem.h"
#include "model/model_priv.h"

enum { PAIRS_MOST = 512 }; /* fr_shape_check(): a head has at most 1024 numbers */

/* A factor for each pair, which the converter wrote down: Llama 3.1 and later, longrope. */
static int read_factors(const fr_model *m, const char *name, float *factors, bool *found,
                        fr_err *err)
{
    const fr_tensor *t = fr_gguf_tensor(m->file, name);
    const size_t n = m->shape.rope_dim / 2;
    *found = t != NULL;
    if (t == NULL)
        return 0;
    FR_TRY(fr_model_check_tensor(m, t, name, 1, n, 1, err));
    fr_format_find(t->format)->to_f32(t->data, factors, n);
    for (size_t i = 0; i < n; i++)
        if (!(factors[i] > 0))
            return fr_fail(err, FR_E_FORMAT, NULL,
                           "'%s': tensor '%s' has a factor that is not positive", m->path, name);
    return 0;
}

static void set(fr_model *m, rope_set which, double theta, const float *factors, double divisor,
                float magnitude)
{
    model_rope *rope = &m->rope[which];
    rope->magnitude = magnitude > 0 ? magnitude : 1;
    rope->frequencies = FR_NEW_N(double, m->shape.rope_dim / 2);
    fr_rope_frequencies(rope->frequencies, m->shape.rope_dim, theta, factors);
    for (size_t i = 0; i < m->shape.rope_dim / 2; i++)
        rope->frequencies[i] /= divisor;
}

/* Index of the pair that turns so many times over the original context. */
static double pair_of_turns(const fr_shape *s, double turns)
{
    double wavelengths = (double)s->rope_scaling.original_context / (turns * 2 * M_PI);
    return (double)s->rope_dim * log(wavelengths) / (2 * log((double)s->rope_theta));
}

/* Peng et al. 2023, arXiv:2309.00071: pairs that turn fast tell near positions apart and are kept;
 * slow ones are divided; those between are mixed. */
static void apply_yarn(fr_model *m)
{
    const fr_shape *s = &m->shape;
    const fr_rope_scaling *r = &s->rope_scaling;
    model_rope *rope = &m->rope[ROPE_ALL];
    double low = fmax(floor(pair_of_turns(s, (double)r->beta_fast)), 0);
    double high = fmin(ceil(pair_of_turns(s, (double)r->beta_slow)), (double)s->rope_dim - 1);
    for (size_t i = 0; i < s->rope_dim / 2; i++) {
        double divided = ((double)i - low) / fmax(high - low, 0.001);
        divided = fmin(fmax(divided, 0), 1);
        rope->frequencies[i] *= divided / (double)r->factor + (1 - divided);
    }
    if (r->factor > 1)
        rope->magnitude *= (float)(1 + 0.1 * log((double)r->factor));
}

int fr_positions_open(fr_model *m, fr_err *err)
{
    const fr_shape *s = &m->shape;
    const fr_rope_scaling *r = &s->rope_scaling;
    float all[PAIRS_MOST], longer[PAIRS_MOST];
    bool has_all = false, has_long = false;
    if (m->arch->rope == FR_ROPE_NONE)
        return 0;
    FR_TRY(read_factors(m, "rope_freqs.weight", all, &has_all, err));
    if (r->kind == FR_ROPE_LONGROPE) {
        FR_TRY(read_factors(m, "rope_factors_short.weight", all, &has_all, err));
        FR_TRY(read_factors(m, "rope_factors_long.weight", longer, &has_long, err));
        if (!has_all || !has_long)
            return fr_fail(err, FR_E_FORMAT, "The file is damaged.",
                           "'%s' lacks the tensors of its longrope factors", m->path);
        set(m, ROPE_LONG, (double)s->rope_theta, longer, 1, r->magnitude);
    }
    set(m, ROPE_ALL, (double)s->rope_theta, has_all ? all : NULL,
        r->kind == FR_ROPE_LINEAR ? (double)r->factor : 1, r->magnitude);
    if (r->kind == FR_ROPE_YARN)
        apply_yarn(m);
    if (r->local_theta > 0)
        set(m, ROPE_LOCAL, (double)r->local_theta, NULL, 1, 0);
    return 0;
}

/* ---- distances that are learned ----------------------------------------------------------------
 * Raffel et al. 2019, arXiv:1910.10683, section 2.1: near distances have a bucket of their own,
 * farther ones share some, by their logarithm, up to the farthest. In float, as the reference. */
static const float FARTHEST = 128;

size_t fr_distance_bucket(const fr_shape *s, ptrdiff_t further)
{
    size_t n = s->n_buckets, first = 0;
    if (s->looks_ahead) {
        n /= 2;
        first = further > 0 ? n : 0;
    }
    const size_t away = further <= 0 ? (size_t)-further : s->looks_ahead ? (size_t)further : 0;
    const size_t exact = n / 2;
    if (away < exact)
        return first + away;
    const float share = logf((float)away / (float)exact) / logf(FARTHEST / (float)exact);
    const float bucket = (float)exact + share * (float)(n - exact);
    return first + (bucket < (float)(n - 1) ? (size_t)bucket : n - 1);
}

int fr_distances_new(const fr_model *m, size_t context, float **out, fr_err *err)
{
    const fr_shape *s = &m->shape;
    void *room;
    *out = NULL;
    if (s->n_buckets == 0)
        return 0;
    FR_TRY(fr_try_array(2 * context - 1, s->n_heads * sizeof(float), "distances", &room, err));
    float *of_heads = FR_NEW_N(float, s->n_heads), *at = room;
    const fr_packed *table = model_weight_of(m, FR_SLOT_ATTN_DISTANCE, 0)->matrix;
    for (size_t i = 0; i < 2 * context - 1; i++) {
        const ptrdiff_t further = (ptrdiff_t)i - (ptrdiff_t)(context - 1);
        fr_packed_row(table, fr_distance_bucket(s, further), of_heads);
        for (size_t h = 0; h < s->n_heads; h++)
            at[h * (2 * context - 1) + i] = of_heads[h];
    }
    free(of_heads);
    *out = at;
    return 0;
}

const double *fr_model_frequencies(const fr_model *m, size_t context, float *magnitude)
{
    const fr_rope_scaling *r = &m->shape.rope_scaling;
    const bool is_long = r->kind == FR_ROPE_LONGROPE && context > r->original_context;
    const model_rope *rope = &m->rope[is_long ? ROPE_LONG : ROPE_ALL];
    *magnitude = rope->magnitude;
    return rope->frequencies;
}
