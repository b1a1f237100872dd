/* frugal bench: how fast a model is here, beside what the machine could do at best. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "cli/model_work.h"
#include "kernels/limits.h"

enum { DEFAULT_PROMPT = 512, DEFAULT_TOKENS = 128, DEFAULT_TIMES = 5, MOST_TIMES = 100 };

static const fr_option OPTIONS[] = {
    FR_OPTIONS_MODEL,
    { "prompt-tokens", 'p', FR_OPTION_I64, "N", "tokens of the prompt that is read (default 512)" },
    { "tokens", 'n', FR_OPTION_I64, "N", "tokens that are generated (default 128)" },
    { "depth", 'd', FR_OPTION_I64, "N", "generate behind so many tokens (default 0)" },
    { "repeat", 'r', FR_OPTION_I64, "N", "measure so many times (default 5)" },
    FR_OPTION_PROFILE,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

/* One phase of one round. */
typedef struct {
    double wall_s, cpu_s, flops;
    size_t tokens;
    fr_energy energy;
} sample;

typedef struct {
    size_t prompt, tokens, depth, times;
    sample prefill[MOST_TIMES], decode[MOST_TIMES];
    size_t kv_bytes, file_bytes, rss_bytes;
    fr_limits limits;
} bench;

static int count(fr_cli *cli, const char *name, long long otherwise, long long least,
                 long long most, size_t *out, fr_err *err)
{
    long long n = fr_arg_i64(cli, name, otherwise);
    if (n < least || n > most)
        return fr_fail(err, FR_E_USAGE, NULL, "--%s takes a number from %lld to %lld, not %lld",
                       name, least, most, n);
    *out = (size_t)n;
    return 0;
}

/* Ordinary tokens, others in each round, so that no cache knows them. */
static void draw_prompt(const fr_model *m, uint64_t round, size_t n, fr_ids *ids)
{
    const fr_tokenizer *t = fr_model_tokenizer(m);
    fr_ids_clear(ids);
    for (uint64_t i = 0; ids->n < n; i++) {
        int32_t id = (int32_t)fr_random_below(fr_tokenizer_n_vocab(t), round, FR_RANDOM_TEST, 0, i);
        if (!fr_tokenizer_is_control(t, id) || i > 100 * n)
            fr_ids_put(ids, id);
    }
}

static int ask(fr_cli *cli, fr_model_work *w, const fr_ids *ids, size_t tokens,
               const char *phase_name, sample *out, fr_err *err)
{
    fr_request r = { .ids = ids->at,
                     .n_ids = ids->n,
                     .sampling = { .max_tokens = tokens, .ignore_end = true } };
    uint64_t id = 0;
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    FR_TRY(fr_phase_begin(w->run, phase_name, NULL, &phase, err));
    double cpu_s = fr_cpu_self_s();
    int64_t from_ns = fr_now_monotonic_ns();
    int rc = fr_engine_submit(w->engine, &r, &id, err);
    while (rc == 0 && fr_engine_busy(w->engine)) {
        rc = fr_engine_step(w->engine, err);
        if (fr_cli_stopped(cli))
            rc = fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped");
    }
    out->wall_s = (double)(fr_now_monotonic_ns() - from_ns) * 1e-9;
    out->cpu_s = fr_cpu_self_s() - cpu_s;
    const fr_completion *c = rc == 0 ? fr_engine_result(w->engine, id) : NULL;
    if (c != NULL) {
        out->tokens = c->completion_tokens;
        out->flops = c->flops;
        fr_engine_release(w->engine, id);
    }
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : NULL);
    out->energy = used.total;
    return rc != 0 ? rc : end_rc;
}

static int measure(fr_cli *cli, fr_model_work *w, bench *b, fr_err *err)
{
    const fr_model *m = fr_engine_model(w->engine);
    const fr_progress *progress = fr_cli_progress(cli, w->run);
    FR_AUTO(fr_ids) ids = { 0 };
    sample ignored;
    size_t needed = FR_MAX(b->prompt + 1, b->depth + 1 + b->tokens);
    if (needed > fr_engine_context(w->engine))
        return fr_fail(err, FR_E_LIMIT, "Ask for fewer tokens.",
                       "prompt, depth and tokens need a context of %zu, the model has %zu", needed,
                       fr_engine_context(w->engine));
    draw_prompt(m, 1000, FR_MIN(b->prompt, (size_t)16), &ids);
    FR_TRY(ask(cli, w, &ids, 2, "warm", &ignored, err)); /* pages of the file come in */
    for (size_t i = 0; i < b->times; i++) {
        fr_progress_step(progress, "bench", (double)i, (double)b->times, "rounds", NULL);
        draw_prompt(m, i, b->prompt, &ids);
        FR_TRY(ask(cli, w, &ids, 1, "prefill", &b->prefill[i], err));
        b->prefill[i].tokens = b->prompt;
        draw_prompt(m, 2000 + i, b->depth + 1, &ids);
        if (b->depth > 0) /* what lies before is computed, and then found in the cache */
            FR_TRY(ask(cli, w, &ids, 1, "warm", &ignored, err));
        FR_TRY(ask(cli, w, &ids, b->tokens, "decode", &b->decode[i], err));
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    b->rss_bytes = (size_t)usage.ru_maxrss * 1024;
    b->file_bytes = fr_gguf_size_bytes(fr_model_file(m));
    return fr_limits_measure(fr_engine_pool(w->engine), &b->limits, err);
}

/* ---- figures --------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

typedef struct {
    double low, median, high;
} spread;

/* Tokens by the clock, or by processor time. */
static spread rates(const sample *s, size_t n, bool cpu)
{
    double v[MOST_TIMES];
    for (size_t i = 0; i < n; i++)
        v[i] = (double)s[i].tokens / (cpu ? s[i].cpu_s : s[i].wall_s);
    fr_sort(v, n, sizeof(*v), by_value);
    return (spread){ v[0], n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2, v[n - 1] };
}

static double sum_flops_per_token(const sample *s, size_t n)
{
    double flops = 0, tokens = 0;
    for (size_t i = 0; i < n; i++) {
        flops += s[i].flops;
        tokens += (double)s[i].tokens;
    }
    return flops / tokens;
}

static fr_energy energy_per_token(const sample *s, size_t n)
{
    fr_energy all = fr_energy_zero();
    double tokens = 0;
    for (size_t i = 0; i < n; i++) {
        all = fr_energy_add(all, s[i].energy);
        tokens += (double)s[i].tokens;
    }
    return fr_energy_scale(all, 1 / tokens);
}

/* Bytes that a generated token reads: weights, of experts those in use, and what lies before it. A
 * table of embeddings that is no output matrix gives one row only. */
static double bytes_per_token(const fr_model_work *w, const bench *b)
{
    const fr_model *m = fr_engine_model(w->engine);
    const fr_shape *s = fr_model_shape(m);
    const fr_gguf *file = fr_model_file(m);
    double bytes = 0;
    for (size_t i = 0; i < fr_gguf_n_tensors(file); i++) {
        const fr_tensor *t = fr_gguf_tensor_at(file, i);
        size_t at;
        double share = 1;
        if (!s->tied && fr_str_is(t->name, "token_embd.weight"))
            share = 1 / (double)s->n_vocab;
        else if (s->n_experts > 0 && fr_str_find(t->name, FR_STR("_exps"), &at))
            share = (double)s->n_experts_used / (double)s->n_experts;
        bytes += share * (double)t->size_bytes;
    }
    return bytes + (double)b->kv_bytes * ((double)b->depth + (double)b->tokens / 2);
}

/* The least time that a token could take here, bound by memory or by arithmetic, over what it took.
 */
static double limit_ratio(const fr_limits *l, double bytes, double flops, double tokens_per_s,
                          bool cpu)
{
    double by_memory = bytes / (cpu ? l->read_bytes_per_cpu_s : l->read_bytes_per_s),
           by_arithmetic = flops / (cpu ? l->flops_per_cpu_s : l->flops_per_s);
    return fmax(by_memory, by_arithmetic) * tokens_per_s;
}

static void put_spread(json_t *o, const char *name, const char *unit, spread s)
{
    char key[64];
    snprintf(key, sizeof(key), "%s_%s", name, unit);
    json_object_set_new(o, key, fr_json_f64(s.median));
    snprintf(key, sizeof(key), "%s_low_%s", name, unit);
    json_object_set_new(o, key, fr_json_f64(s.low));
    snprintf(key, sizeof(key), "%s_high_%s", name, unit);
    json_object_set_new(o, key, fr_json_f64(s.high));
}

static json_t *rounds_of(const bench *b)
{
    json_t *list = json_array();
    for (size_t i = 0; i < b->times; i++)
        json_array_append_new(list,
                              json_pack("{s:f, s:f, s:f, s:f}", "prefill_s", b->prefill[i].wall_s,
                                        "prefill_cpu_s", b->prefill[i].cpu_s, "decode_s",
                                        b->decode[i].wall_s, "decode_cpu_s", b->decode[i].cpu_s));
    return list;
}

typedef struct {
    spread prefill, prefill_cpu, decode, decode_cpu;
    double limit, limit_cpu, prefill_limit, prefill_limit_cpu;
    fr_energy per_token, per_prompt_token;
} figures;

static figures figures_of(const fr_model_work *w, const bench *b)
{
    figures f = { .prefill = rates(b->prefill, b->times, false),
                  .prefill_cpu = rates(b->prefill, b->times, true),
                  .decode = rates(b->decode, b->times, false),
                  .decode_cpu = rates(b->decode, b->times, true),
                  .per_token = energy_per_token(b->decode, b->times),
                  .per_prompt_token = energy_per_token(b->prefill, b->times) };
    double bytes = bytes_per_token(w, b), flops = sum_flops_per_token(b->decode, b->times),
           prompt_flops = sum_flops_per_token(b->prefill, b->times);
    f.limit = limit_ratio(&b->limits, bytes, flops, f.decode.median, false);
    f.limit_cpu = limit_ratio(&b->limits, bytes, flops, f.decode_cpu.median, true);
    f.prefill_limit = limit_ratio(&b->limits, 0, prompt_flops, f.prefill.median, false);
    f.prefill_limit_cpu = limit_ratio(&b->limits, 0, prompt_flops, f.prefill_cpu.median, true);
    return f;
}

static json_t *json_of(const fr_model_work *w, const bench *b, const figures *f)
{
    json_t *o = json_object();
    json_object_set_new(o, "model", json_string(fr_model_path(fr_engine_model(w->engine))));
    json_object_set_new(o, "threads", json_integer(fr_pool_threads(fr_engine_pool(w->engine))));
    json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)b->prompt));
    json_object_set_new(o, "generated_tokens", json_integer((json_int_t)b->tokens));
    json_object_set_new(o, "depth_tokens", json_integer((json_int_t)b->depth));
    put_spread(o, "prefill", "tokens_per_s", f->prefill);
    put_spread(o, "prefill", "tokens_per_cpu_s", f->prefill_cpu);
    put_spread(o, "decode", "tokens_per_s", f->decode);
    put_spread(o, "decode", "tokens_per_cpu_s", f->decode_cpu);
    json_object_set_new(o, "load_s", fr_json_f64(fr_engine_load_s(w->engine)));
    json_object_set_new(o, "rss_bytes", json_integer((json_int_t)b->rss_bytes));
    json_object_set_new(o, "file_bytes", json_integer((json_int_t)b->file_bytes));
    json_object_set_new(o, "kv_bytes_per_token", json_integer((json_int_t)b->kv_bytes));
    fr_json_put_energy(o, "energy_j_per_token", f->per_token);
    fr_json_put_energy(o, "energy_j_per_prompt_token", f->per_prompt_token);
    json_object_set_new(o, "limit_ratio", fr_json_f64(f->limit));
    json_object_set_new(o, "limit_cpu_ratio", fr_json_f64(f->limit_cpu));
    json_object_set_new(o, "prefill_limit_ratio", fr_json_f64(f->prefill_limit));
    json_object_set_new(o, "prefill_limit_cpu_ratio", fr_json_f64(f->prefill_limit_cpu));
    json_object_set_new(o, "machine_flops_per_s", fr_json_f64(b->limits.flops_per_s));
    json_object_set_new(o, "machine_read_bytes_per_s", fr_json_f64(b->limits.read_bytes_per_s));
    json_object_set_new(o, "rounds", rounds_of(b));
    fr_model_work_json(w, o);
    return o;
}

static void print_speed(const char *what, size_t n, spread wall, spread cpu, double limit,
                        double limit_cpu, const char *of)
{
    printf("%-8s %5zu tokens  %9.1f tokens/s (%.1f to %.1f)  %9.1f tokens/CPU-s (%.1f to %.1f)  "
           "%3.0f%% of "
           "%s (%.0f%% by CPU time)\n",
           what, n, wall.median, wall.low, wall.high, cpu.median, cpu.low, cpu.high, 100 * limit,
           of, 100 * limit_cpu);
}

static void print(const fr_model_work *w, const bench *b, const figures *f)
{
    char each[48], prompt[48], took[128];
    fr_text_energy(f->per_token, each);
    fr_text_energy(f->per_prompt_token, prompt);
    fr_model_work_text(w, took);
    print_speed("prefill", b->prompt, f->prefill, f->prefill_cpu, f->prefill_limit,
                f->prefill_limit_cpu, "the arithmetic");
    print_speed("decode", b->tokens, f->decode, f->decode_cpu, f->limit, f->limit_cpu, "the limit");
    printf("load     %.3f s, at most %.1f MB resident (file %.1f MB, keys and values %.1f kB a "
           "token)\n",
           fr_engine_load_s(w->engine), (double)b->rss_bytes * 1e-6, (double)b->file_bytes * 1e-6,
           (double)b->kv_bytes * 1e-3);
    printf("energy   %s a generated token, %s a prompt token (%s)\n", each, prompt,
           fr_method_name(f->per_token.method));
    printf("machine  %.1f GFLOP/s, %.1f GB/s read from memory by %d threads\ntook     %s\n",
           b->limits.flops_per_s * 1e-9, b->limits.read_bytes_per_s * 1e-9,
           fr_pool_threads(fr_engine_pool(w->engine)), took);
}

static int bench_all(fr_cli *cli, bench *b, fr_err *err)
{
    FR_AUTO(fr_model_work) work = { 0 };
    FR_TRY(count(cli, "prompt-tokens", DEFAULT_PROMPT, 1, 1 << 24, &b->prompt, err));
    FR_TRY(count(cli, "tokens", DEFAULT_TOKENS, 1, 1 << 24, &b->tokens, err));
    FR_TRY(count(cli, "depth", 0, 0, 1 << 24, &b->depth, err));
    FR_TRY(count(cli, "repeat", DEFAULT_TIMES, 1, MOST_TIMES, &b->times, err));
    FR_TRY(fr_model_work_begin(cli, "bench", 1, NULL, &work, err));
    b->kv_bytes = fr_engine_kv_bytes_per_token(work.engine);
    FR_TRY(measure(cli, &work, b, err));
    figures f = figures_of(&work, b);
    fr_run_note(work.run, "quality", "decode_tokens_per_s", f.decode.median, NULL, NULL);
    FR_TRY(fr_model_work_end(&work, "done", err));
    if (!fr_cli_json(cli))
        print(&work, b, &f);
    else if (fr_cli_put_json(cli, json_of(&work, b, &f)) != 0)
        return fr_fail(err, FR_E_IO, NULL, "cannot write the output");
    return 0;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    bench *b = FR_NEW(bench);
    int rc = fr_cli_fail(cli, bench_all(cli, b, &err), &err);
    free(b);
    return rc;
}

const fr_command FR_COMMAND_bench = {
    .name = "bench",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "how fast a model is here, beside what the machine can do",
    .examples = "frugal bench -m model.gguf  # a prompt of 512 tokens, 128 generated\n"
                "frugal bench -m model.gguf -p 512 -n 128 -t 2 --json  # for a program\n"
                "frugal bench -m model.gguf -n 64 --depth 2048 --kv q8_0  # behind a long text",
    .more =
        "Rates are the median of the rounds, with the lowest and highest; on a busy machine those "
        "by "
        "processor time say more. Prompts are random tokens, another prompt in each round; tokens "
        "are "
        "generated from one token (or --depth) on, with end tokens barred, and the drawing is in "
        "the "
        "time. The limit is the least time that reading the weights, keys and values of a token, "
        "or "
        "its arithmetic, takes at the speeds that were just measured on the same threads; a model "
        "that fits the caches can pass 100% of what memory gives.",
};
