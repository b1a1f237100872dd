/* bench/forward.c: speed of the inference kernels and of whole forward steps.
 *
 *     forward [THREADS…]            default: 1 2
 *
 * Part one: GFLOP/s of one product per format, kernel row and number of rows. Part two: a llama of
 * 4 million random parameters: prefill and decode tokens/s per format and keys-and-values format,
 * and the bytes of weights and KV read per second beside what plain reading of memory reaches.
 *
 * The best of many short runs is shown, so that a busy machine spoils little; beside the wall clock
 * stands processor time (of all threads together), which others on the machine hardly change. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "model/model_priv.h"

static double seconds(void)
{
    return (double)fr_now_monotonic_ns() * 1e-9;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float *numbers(size_t n, uint64_t stream)
{
    float *x = FR_NEW_N(float, n);
    for (size_t i = 0; i < n; i++)
        x[i] = 0.02f * (float)(fr_random_f64(1, FR_RANDOM_TEST, stream, i) - 0.5);
    return x;
}

static void *in_format(const float *x, size_t n, fr_format format)
{
    const fr_format_row *row = fr_format_find(format);
    void *out = NULL;
    if (fr_try_array(n / row->block_values, row->block_bytes, "weights", &out, NULL) != 0)
        exit(1);
    row->from_f32(x, out, n);
    return out;
}

/* ---- products ----------------------------------------------------------------------------------
 */

static double product_gflops(const fr_kernels *k, fr_format format, size_t rows, size_t n_out,
                             size_t n_in)
{
    float *x = numbers(rows * n_in, 1), *w = numbers(n_out * n_in, 2);
    float *y = FR_NEW_N(float, rows *n_out);
    void *bytes = in_format(w, n_out * n_in, format);
    fr_packed *packed = NULL;
    fr_packed_new(format, bytes, n_out, n_in, &packed, NULL);
    double best = INFINITY, until = seconds() + 0.15;
    while (seconds() < until) {
        double start = cpu_seconds();
        for (int i = 0; i < 8; i++)
            k->linear(y, n_out, x, n_in, rows, packed, 0, n_out);
        best = fmin(best, (cpu_seconds() - start) / 8);
    }
    fr_packed_free(packed);
    free(bytes);
    free(x);
    free(w);
    free(y);
    return 2e-9 * (double)(rows * n_out * n_in) / best;
}

static void products(void)
{
    static const size_t ROWS[] = { 1, 2, 6, 12, 96, 256 };
    printf("GFLOP/s of y = x · Wᵀ, W 768 × 256, one thread\n%-8s %-6s", "kernels", "format");
    for (size_t r = 0; r < FR_COUNT_OF(ROWS); r++)
        printf(" %6zu rows", ROWS[r]);
    printf("\n");
    for (size_t i = 1; fr_kernels_at(i) != NULL; i++)
        for (size_t f = 0; fr_format_at(f) != NULL && fr_kernels_at(i)->usable(); f++) {
            printf("%-8s %-6s", fr_kernels_at(i)->name, fr_format_at(f)->name);
            for (size_t r = 0; r < FR_COUNT_OF(ROWS); r++)
                printf(" %11.1f", product_gflops(fr_kernels_at(i), fr_format_at(f)->format, ROWS[r],
                                                 768, 256));
            printf("\n");
            fflush(stdout);
        }
}

/* ---- models
 * -------------------------------------------------------------------------------------- */

static const fr_shape SHAPE = { .architecture = "llama",
                                .n_layers = 6,
                                .dim = 224,
                                .n_heads = 7,
                                .n_kv_heads = 7,
                                .head_dim = 32,
                                .ffn_dim = 576,
                                .n_vocab = 4096,
                                .context = 1024,
                                .rope_dim = 32,
                                .tied = true };

static fr_model *make_model(fr_format format)
{
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    const fr_arch *arch = fr_arch_find("llama");
    const fr_shape *s = &SHAPE;
    fr_gguf_put_str(o, "general.architecture", FR_STR("llama"));
    fr_gguf_put_u32(o, "llama.block_count", (uint32_t)s->n_layers);
    fr_gguf_put_u32(o, "llama.context_length", (uint32_t)s->context);
    fr_gguf_put_u32(o, "llama.embedding_length", (uint32_t)s->dim);
    fr_gguf_put_u32(o, "llama.feed_forward_length", (uint32_t)s->ffn_dim);
    fr_gguf_put_u32(o, "llama.attention.head_count", (uint32_t)s->n_heads);
    fr_gguf_put_u32(o, "llama.attention.head_count_kv", (uint32_t)s->n_kv_heads);
    fr_gguf_put_str(o, "tokenizer.ggml.model", FR_STR("llama"));
    fr_str *tokens = FR_NEW_N(fr_str, s->n_vocab);
    int32_t *types = FR_NEW_N(int32_t, s->n_vocab);
    for (size_t i = 0; i < s->n_vocab; i++) {
        tokens[i] = fr_str_of(i < 256 ? fr_dup_f("<0x%02zX>", i) : fr_dup_f("token%zu", i));
        types[i] = i < 256 ? FR_TOKEN_BYTE : FR_TOKEN_NORMAL;
    }
    fr_gguf_put_strs(o, "tokenizer.ggml.tokens", tokens, s->n_vocab);
    fr_gguf_put_f32s(o, "tokenizer.ggml.scores", FR_NEW_N(float, s->n_vocab), s->n_vocab);
    fr_gguf_put_i32s(o, "tokenizer.ggml.token_type", types, s->n_vocab);
    for (size_t i = 0; i < arch->n_slots; i++) {
        const fr_slot_row *slot = &arch->slots[i];
        uint64_t rows = fr_shape_dim(s, slot->rows), cols = fr_shape_dim(s, slot->cols);
        for (size_t l = 0; l < (slot->per_layer ? s->n_layers : 1) && fr_slot_present(slot, s);
             l++) {
            char name[FR_TENSOR_NAME];
            fr_slot_gguf_name(slot, l, name);
            fr_format in = rows > 1 ? format : FR_FORMAT_F32;
            float *values = numbers(rows * cols, i * 100 + l);
            fr_gguf_put_tensor(o, name, in, (uint64_t[]){ cols, rows }, rows > 1 ? 2 : 1,
                               in_format(values, rows * cols, in));
            free(values);
        }
    }
    char path[] = "/tmp/frugal-bench-XXXXXX";
    close(mkstemp(path));
    fr_err err = { 0 };
    fr_model *m = NULL;
    if (fr_gguf_write(o, path, &err) != 0 || fr_model_open(path, &m, &err) != 0) {
        fprintf(stderr, "%s\n", err.what);
        exit(1);
    }
    unlink(path);
    return m; /* what it was made of stays allocated: this program ends soon */
}

/* Best seconds of a prompt and of a token after it, by the clock and of processors. */
typedef struct {
    double prefill_s, prefill_cpu_s, decode_s, decode_cpu_s;
} speed;

static void time_step(const fr_model *m, fr_kv *kv, fr_pool *pool, const fr_row *rows, size_t n,
                      float *logits, double *wall_s, double *cpu_s)
{
    *wall_s = *cpu_s = INFINITY;
    for (double until = seconds() + 1; seconds() < until;) {
        fr_kv_truncate(kv, 0, rows->position);
        double start = seconds(), start_cpu = cpu_seconds();
        fr_model_forward(m, NULL, kv, pool, rows, n, logits, NULL);
        *cpu_s = fmin(*cpu_s, cpu_seconds() - start_cpu);
        *wall_s = fmin(*wall_s, seconds() - start);
    }
}

static speed measure(const fr_model *m, fr_pool *pool, fr_format kv_format, size_t n)
{
    fr_kv *kv = NULL;
    fr_row *rows = FR_NEW_N(fr_row, n + 1);
    float *logits = FR_NEW_N(float, fr_model_shape(m)->n_vocab);
    speed v;
    for (size_t i = 0; i <= n; i++)
        rows[i] = (fr_row){ (int32_t)(i * 31 % 4096), 0, (uint32_t)i, i + 1 >= n };
    fr_kv_new_in(m, 1, n + 1, kv_format, &kv, NULL);
    time_step(m, kv, pool, rows, n, logits, &v.prefill_s, &v.prefill_cpu_s);
    time_step(m, kv, pool, rows + n, 1, logits, &v.decode_s, &v.decode_cpu_s);
    fr_kv_free(kv);
    free(rows);
    free(logits);
    return v;
}

static void show(const fr_model *m, const char *name, fr_format kv, int threads, size_t n, speed v)
{
    double bytes = (double)fr_model_weight_bytes(m) +
                   (double)n * (double)fr_shape_kv_bytes_per_token(fr_model_shape(m)) *
                       (double)fr_format_find(kv)->block_bytes /
                       (double)fr_format_find(fr_model_shape(m)->kv_format)->block_bytes;
    printf("%-6s %-4s %7d %8.0f %11.0f %8.0f %11.0f %9.1f\n", name, fr_format_find(kv)->name,
           threads, (double)n / v.prefill_s, (double)n / v.prefill_cpu_s, 1 / v.decode_s,
           1 / v.decode_cpu_s, bytes / v.decode_s * 1e-9);
    fflush(stdout);
}

static double memory_bytes_per_s(void)
{
    const size_t n = (size_t)96 << 20; /* beyond every cache but the largest */
    uint64_t *at = FR_NEW_N(uint64_t, n / 8), sum = 0;
    double best = INFINITY;
    memset(at, 1, n);
    for (int i = 0; i < 8; i++) {
        double start = cpu_seconds();
        uint64_t a = 0, b = 0, c = 0, d = 0;
        for (size_t j = 0; j < n / 8; j += 32) /* a word of each cache line */
            a += at[j], b += at[j + 8], c += at[j + 16], d += at[j + 24];
        best = fmin(best, cpu_seconds() - start);
        sum += a + b + c + d;
    }
    free(at);
    return sum != 0 ? (double)n / best : 0;
}

int main(int argc, char **argv)
{
    static const fr_format FORMATS[] = { FR_FORMAT_F32, FR_FORMAT_F16, FR_FORMAT_BF16,
                                         FR_FORMAT_Q8_0 };
    int threads[8] = { 1, 2 }, n_threads = argc > 1 ? FR_MIN(argc - 1, 8) : 2;
    for (int i = 1; i < argc && i <= 8; i++)
        threads[i - 1] = atoi(argv[i]);
    products();
    printf("\nreading memory, one thread: %.1f GB/s\n", memory_bytes_per_s() * 1e-9);
    printf("\nllama of %.1f M parameters, prompt of 256, kernels %s\n",
           (double)fr_shape_n_params(&SHAPE) * 1e-6, fr_kernels_best()->name);
    printf("%-20s%20s %20s\n", "", "prefill tokens/s", "decode tokens/s");
    printf("%-6s %-4s %7s %8s %11s %8s %11s %9s\n", "format", "kv", "threads", "clock", "processor",
           "clock", "processor", "GB/s");
    for (size_t f = 0; f < FR_COUNT_OF(FORMATS); f++) {
        fr_model *m = make_model(FORMATS[f]);
        for (int t = 0; t < n_threads; t++)
            for (int kv = FR_FORMAT_F32; kv <= FR_FORMAT_F16; kv++) {
                FR_AUTOPTR(fr_pool) pool = NULL;
                fr_pool_new(threads[t], &pool, NULL);
                show(m, fr_format_find(FORMATS[f])->name, (fr_format)kv, threads[t], 256,
                     measure(m, pool, (fr_format)kv, 256));
            }
        fr_model_free(m);
    }
    return 0;
}
