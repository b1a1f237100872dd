#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "train/graph.h"
#include "train/loop.h"

/* The model of tests/fixtures/train/golden.py. */
static const fr_shape SHAPE = { .architecture = "llama",
                                .n_layers = 2,
                                .dim = 24,
                                .n_heads = 4,
                                .n_kv_heads = 2,
                                .head_dim = 6,
                                .ffn_dim = 40,
                                .n_vocab = 61,
                                .context = 32,
                                .norm_eps = 1e-5f,
                                .rope_theta = 10000,
                                .rope_dim = 6,
                                .tied = true };
#define MAX_TOKENS 32

/* Weights that Python computes alike, exactly. */
static void fill(fr_weights *w)
{
    for (size_t i = 0; i < w->n_params; i++) {
        fr_param *p = &w->params[i];
        for (uint64_t j = 0; j < p->n; j++) {
            const uint64_t h =
                (j * 2654435761u + p->layer * 40503u + (uint64_t)p->slot->slot * 69069u) % 65536;
            p->w[j] = (float)(((double)h / 65536 - 0.5) * 0.25 + (p->rows == 1 ? 1 : 0));
        }
    }
}

typedef struct {
    int32_t ids[MAX_TOKENS], target[MAX_TOKENS];
    uint32_t position[MAX_TOKENS], start[5], row[MAX_TOKENS];
    fr_batch batch;
} data;

/* Documents of the given lengths; *t counts tokens over micro-batches. */
static void fill_batch(data *d, const size_t *lengths, size_t n_docs, size_t step, size_t *t)
{
    d->batch = (fr_batch){ .ids = d->ids,
                           .position = d->position,
                           .doc_start = d->start,
                           .loss_row = d->row,
                           .target = d->target,
                           .n_docs = n_docs };
    fr_batch *b = &d->batch;
    for (size_t doc = 0; doc < n_docs; doc++) {
        d->start[doc] = (uint32_t)b->n;
        for (size_t i = 0; i < lengths[doc]; i++, b->n++) {
            d->ids[b->n] = (int32_t)(((*t + i) * 7919 + step * 31) % 61);
            d->position[b->n] = (uint32_t)i;
            if (i + 1 < lengths[doc] && (*t + i) % 3 != 0) {
                d->row[b->n_loss] = (uint32_t)b->n;
                d->target[b->n_loss++] = (int32_t)(((*t + i + 1) * 7919 + step * 31) % 61);
            }
        }
        *t += lengths[doc];
        d->start[doc + 1] = (uint32_t)b->n;
    }
}

static const size_t FIRST[] = { 7, 12, 5 }, SECOND[] = { 16, 3 };

static void twenty_steps_lose_what_pytorch_loses(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        FR_AUTOPTR(fr_pool) pool = NULL;
        FR_AUTOPTR(fr_graph) g = NULL;
        FR_AUTO(fr_weights) w = { 0 };
        assert_int_equal(fr_pool_new(threads, &pool, NULL), 0);
        assert_int_equal(fr_weights_init(&w, &SHAPE, false, NULL), 0);
        fill(&w);
        assert_int_equal(fr_graph_new(&w, pool, MAX_TOKENS, 16, &g, NULL), 0);
        FILE *golden = fopen(FR_SOURCE_DIR "/tests/fixtures/train/losses.txt", "r");
        assert_non_null(golden);
        for (size_t step = 1; step <= 20; step++) {
            data one, two;
            size_t t = 0;
            double loss, norm;
            fill_batch(&one, FIRST, 3, step, &t);
            fill_batch(&two, SECOND, 2, step, &t);
            const size_t n = one.batch.n_loss + two.batch.n_loss;
            const double ours = fr_graph_run(g, &one.batch, 1.0f / (float)n) +
                                fr_graph_run(g, &two.batch, 1.0f / (float)n);
            const fr_update u = { .lr = 0.01 * fmin(1.0, (double)step / 3),
                                  .beta1 = 0.9,
                                  .beta2 = 0.95,
                                  .eps = 1e-8,
                                  .weight_decay = 0.1,
                                  .clip = 1.0 };
            const double our_norm = fr_graph_update(g, &u, step);
            assert_int_equal(fscanf(golden, "%lf %lf", &loss, &norm), 2);
            assert_true(fabs(ours / (double)n - loss) < 2e-4 * loss);
            assert_true(fabs(our_norm - norm) < 2e-3 * norm);
        }
        fclose(golden);
    }
}

/* Central differences in double are impossible on float weights; a step of 1e-2 leaves an error of
 * h² and rounding of eps / h, both near 1e-4 of the larger gradients. */
static void check_gradients(fr_weights *w, fr_graph *g, const fr_param *p, const fr_batch *b)
{
    double worst = 0, largest = 0;
    for (size_t j = 0; j < p->n; j += p->n / 37 + 1) {
        const float kept = p->w[j], h = 1e-2f;
        p->w[j] = kept + h;
        const double up = fr_graph_run(g, b, 0);
        p->w[j] = kept - h;
        const double down = fr_graph_run(g, b, 0);
        p->w[j] = kept;
        const double numeric = (up - down) / (2 * (double)h);
        worst = fmax(worst, fabs(numeric - (double)p->g[j]));
        largest = fmax(largest, fabs(numeric));
    }
    (void)w;
    if (!(worst < 1e-3 + 5e-3 * largest))
        fail_msg("slot %d layer %zu: off by %g, largest %g", p->slot->slot, p->layer, worst,
                 largest);
}

static void every_weights_gradient_is_the_slope_of_the_loss(void **state)
{
    (void)state;
    for (int tied = 0; tied < 2; tied++) {
        fr_shape shape = SHAPE;
        shape.tied = tied != 0;
        FR_AUTOPTR(fr_graph) g = NULL;
        FR_AUTO(fr_weights) w = { 0 };
        assert_int_equal(fr_weights_init(&w, &shape, false, NULL), 0);
        fill(&w);
        assert_int_equal(fr_graph_new(&w, NULL, MAX_TOKENS, 16, &g, NULL), 0);
        data d;
        size_t t = 0;
        fill_batch(&d, FIRST, 3, 1, &t);
        fr_graph_run(g, &d.batch, 1.0f);
        for (size_t i = 0; i < w.n_params; i++)
            check_gradients(&w, g, &w.params[i], &d.batch);
    }
}

static void every_adapters_gradient_is_the_slope_of_the_loss(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_graph) g = NULL;
    FR_AUTO(fr_weights) w = { 0 };
    assert_int_equal(fr_weights_init(&w, &SHAPE, true, NULL), 0);
    fill(&w);
    assert_int_equal(fr_weights_add_lora(&w, 4, 8, 1, NULL), 0);
    for (size_t i = 0; i < w.n_params; i++) /* b begins at zero, where a has no gradient */
        for (size_t j = 0; w.lora[i].b.w != NULL && j < w.lora[i].b.n; j++)
            w.lora[i].b.w[j] = 0.02f * (float)((int)(j % 7) - 3);
    assert_int_equal(fr_graph_new(&w, NULL, MAX_TOKENS, 16, &g, NULL), 0);
    data d;
    size_t t = 0;
    fill_batch(&d, FIRST, 3, 1, &t);
    fr_graph_run(g, &d.batch, 1.0f);
    for (size_t i = 0; i < w.n_params; i++)
        if (w.lora[i].b.w != NULL) {
            check_gradients(&w, g, &w.lora[i].a, &d.batch);
            check_gradients(&w, g, &w.lora[i].b, &d.batch);
        }
}

static void a_frozen_base_gets_no_gradients_and_does_not_move(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_graph) g = NULL;
    FR_AUTO(fr_weights) w = { 0 }, before = { 0 };
    assert_int_equal(fr_weights_init(&w, &SHAPE, true, NULL), 0);
    assert_int_equal(fr_weights_init(&before, &SHAPE, true, NULL), 0);
    fill(&w);
    fill(&before);
    assert_int_equal(fr_weights_add_lora(&w, 4, 8, 1, NULL), 0);
    assert_int_equal(fr_graph_new(&w, NULL, MAX_TOKENS, 16, &g, NULL), 0);
    data d;
    size_t t = 0;
    fill_batch(&d, FIRST, 3, 1, &t);
    const double first = fr_graph_run(g, &d.batch, 0);
    for (size_t step = 1; step <= 5; step++) {
        fr_graph_run(g, &d.batch, 1.0f);
        fr_graph_update(g, &(fr_update){ 0.01, 0.9, 0.95, 1e-8, 0, 1 }, step);
    }
    assert_true(fr_graph_run(g, &d.batch, 0) < first);
    for (size_t i = 0; i < w.n_params; i++)
        assert_memory_equal(w.params[i].w, before.params[i].w, w.params[i].n * sizeof(float));
}

/* The mean over the window is taken over its loss tokens, however they fall into micro-batches. */
static void accumulation_is_the_mean_over_the_windows_tokens_not_of_means(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_graph) g = NULL;
    FR_AUTO(fr_weights) parts = { 0 };
    assert_int_equal(fr_weights_init(&parts, &SHAPE, false, NULL), 0);
    fill(&parts);
    assert_int_equal(fr_graph_new(&parts, NULL, MAX_TOKENS, 16, &g, NULL), 0);
    data whole, one, two, three;
    size_t t = 0, u = 0;
    fill_batch(&whole, FIRST, 3, 1, &t);
    fill_batch(&one, FIRST, 1, 1, &u);
    fill_batch(&two, FIRST + 1, 1, 1, &u);
    fill_batch(&three, FIRST + 2, 1, 1, &u);
    const float scale = 1.0f / (float)whole.batch.n_loss;
    fr_graph_run(g, &whole.batch, scale);
    float kept[4096];
    const size_t n = parts.n_trained < 4096 ? parts.n_trained : 4096;
    memcpy(kept, parts.g, n * sizeof(float));
    memset(parts.g, 0, parts.n_trained * sizeof(float));
    fr_graph_run(g, &one.batch, scale);
    fr_graph_run(g, &two.batch, scale);
    fr_graph_run(g, &three.batch, scale);
    for (size_t i = 0; i < n; i++)
        assert_true(fabsf(kept[i] - parts.g[i]) < 1e-5f);
}

static void what_one_document_says_is_not_seen_by_the_next(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_graph) g = NULL;
    FR_AUTO(fr_weights) w = { 0 };
    assert_int_equal(fr_weights_init(&w, &SHAPE, false, NULL), 0);
    fill(&w);
    assert_int_equal(fr_graph_new(&w, NULL, MAX_TOKENS, 16, &g, NULL), 0);
    data d, other;
    size_t t = 0, u = 0;
    fill_batch(&d, FIRST, 3, 1, &t);
    fill_batch(&other, FIRST, 3, 1, &u);
    for (int i = 0; i < 7; i++) /* another first document, without loss */
        other.ids[i] = (other.ids[i] + 17) % 61;
    size_t own = 0;
    while (d.row[own] < 7)
        own++;
    d.batch.loss_row += own, d.batch.target += own, d.batch.n_loss -= own;
    other.batch.loss_row += own, other.batch.target += own, other.batch.n_loss -= own;
    assert_true(fr_graph_run(g, &d.batch, 0) == fr_graph_run(g, &other.batch, 0));
}

static void weight_decay_shrinks_matrices_and_leaves_norms_alone(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_graph) g = NULL;
    FR_AUTO(fr_weights) w = { 0 }, before = { 0 };
    assert_int_equal(fr_weights_init(&w, &SHAPE, false, NULL), 0);
    assert_int_equal(fr_weights_init(&before, &SHAPE, false, NULL), 0);
    fill(&w);
    fill(&before);
    assert_int_equal(fr_graph_new(&w, NULL, MAX_TOKENS, 16, &g, NULL), 0);
    fr_graph_update(g, &(fr_update){ 0.1, 0.9, 0.95, 1e-8, 0.5, 1 }, 1); /* no gradient at all */
    for (size_t i = 0; i < w.n_params; i++) {
        const float keep = w.params[i].rows == 1 ? 1.0f : 0.95f;
        for (size_t j = 0; j < w.params[i].n; j++)
            assert_true(fabsf(w.params[i].w[j] - keep * before.params[i].w[j]) < 1e-6f);
    }
}

static double adapter_gradients(const fr_shape *shape, const fr_gguf *file, uint64_t limit,
                                const fr_batch *batch, fr_weights *w)
{
    FR_AUTOPTR(fr_pool) pool = NULL;
    FR_AUTOPTR(fr_graph) g = NULL;
    assert_int_equal(fr_pool_new(2, &pool, NULL), 0);
    assert_int_equal(fr_weights_borrow(w, shape, file, limit, NULL), 0);
    assert_int_equal(fr_weights_add_lora(w, 4, 8, 1, NULL), 0);
    for (size_t i = 0; i < w->n_trained; i++)
        w->tw[i] += 0.01f * (float)((int)(i % 5) - 2);
    assert_int_equal(fr_graph_new(w, pool, MAX_TOKENS, 16, &g, NULL), 0);
    return fr_graph_run(g, batch, 1.0f);
}

/* A vocabulary of 2,100 is converted in three parts. */
static void a_base_that_stays_quantized_teaches_the_same_bits_as_its_fp32_copy(void **state)
{
    (void)state;
    const fr_shape shape = { .architecture = "llama",
                             .n_layers = 2,
                             .dim = 32,
                             .n_heads = 4,
                             .n_kv_heads = 2,
                             .head_dim = 8,
                             .ffn_dim = 64,
                             .n_vocab = 2100,
                             .context = 32,
                             .norm_eps = 1e-5f,
                             .rope_theta = 10000,
                             .rope_dim = 8,
                             .tied = true };
    static const fr_format FORMATS[] = { FR_FORMAT_F32, FR_FORMAT_F16, FR_FORMAT_BF16,
                                         FR_FORMAT_Q8_0 };
    data d;
    size_t t = 0;
    fill_batch(&d, FIRST, 3, 1, &t);
    for (size_t i = 0; i < sizeof(FORMATS) / sizeof(FORMATS[0]); i++) {
        char path[] = "/tmp/frugal-stored-XXXXXX";
        const int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        FR_AUTO(fr_weights) made = { 0 }, copied = { 0 }, stored = { 0 };
        FR_AUTOPTR(fr_gguf) file = NULL;
        assert_int_equal(fr_weights_init(&made, &shape, true, NULL), 0);
        fr_weights_randomize(&made, 1);
        assert_int_equal(
            fr_save_gguf(&made, &(fr_save_options){ .format = FORMATS[i] }, path, NULL), 0);
        assert_int_equal(fr_gguf_open(path, &file, NULL), 0);
        const double a = adapter_gradients(&shape, file, UINT64_MAX, &d.batch, &copied);
        const double b = adapter_gradients(&shape, file, 0, &d.batch, &stored);
        assert_non_null(stored.params[0].stored);
        assert_null(stored.params[0].w);
        assert_true(a == b && a > 0);
        assert_memory_equal(copied.g, stored.g, copied.n_trained * sizeof(float));
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_steps_lose_what_pytorch_loses),
        cmocka_unit_test(every_weights_gradient_is_the_slope_of_the_loss),
        cmocka_unit_test(every_adapters_gradient_is_the_slope_of_the_loss),
        cmocka_unit_test(a_frozen_base_gets_no_gradients_and_does_not_move),
        cmocka_unit_test(accumulation_is_the_mean_over_the_windows_tokens_not_of_means),
        cmocka_unit_test(what_one_document_says_is_not_seen_by_the_next),
        cmocka_unit_test(a_base_that_stays_quantized_teaches_the_same_bits_as_its_fp32_copy),
        cmocka_unit_test(weight_decay_shrinks_matrices_and_leaves_norms_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
