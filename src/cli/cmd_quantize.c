/* frugal quantize: a model file anew, its matrices in another number format. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "cli/cli.h"
#include "model/quantize.h"

static const fr_option OPTIONS[] = {
    { "imatrix", 0, FR_OPTION_TEXT, "FILE", "how much each column matters (llama.cpp's imatrix)" },
    { "output-type", 0, FR_OPTION_TEXT, "TYPE",
      "of the matrix that makes logits (default: TYPE, at least q6_k)" },
    { "requantize", 0, FR_OPTION_FLAG, NULL, "also from a format that has lost something already" },
    { "threads", 't', FR_OPTION_I64, "N", "processor threads (default: all)" },
    { "tensors", 0, FR_OPTION_FLAG, NULL, "list every tensor (--json always does)" },
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

static int find_type(const char *name, const fr_format_row **out, fr_err *err)
{
    *out = fr_format_by_name(name);
    return *out != NULL
               ? 0
               : fr_fail(err, FR_E_USAGE, FR_FORMAT_HINT, "'%s' is no number format", name);
}

/* The last matrix makes every answer: below six bits a value it costs more than its bytes save. */
static fr_format output_format(const fr_format_row *type)
{
    const fr_format_row *q6 = fr_format_find(FR_FORMAT_Q6_K);
    return type->block_bytes * q6->block_values < q6->block_bytes * type->block_values
               ? FR_FORMAT_Q6_K
               : type->format;
}

typedef struct {
    const char *in, *out;
    const fr_format_row *type;
    fr_quantize_options options;
} job;

static int read_options(fr_cli *cli, job *j, fr_err *err)
{
    const char *type = NULL, *output = fr_arg_text(cli, "output-type", NULL);
    const fr_format_row *row = NULL;
    size_t n;
    FR_TRY(fr_arg_need(cli, 0, "IN", &j->in, err));
    FR_TRY(fr_arg_need(cli, 1, "OUT", &j->out, err));
    FR_TRY(fr_arg_need(cli, 2, "TYPE", &type, err));
    char **rest = fr_arg_rest(cli, &n);
    if (n > 3)
        return fr_fail(err, FR_E_USAGE, "It takes IN OUT TYPE.", "one argument too many: '%s'",
                       rest[3]);
    FR_TRY(find_type(type, &j->type, err));
    j->options.format = j->type->format;
    j->options.output = output_format(j->type);
    if (output != NULL) {
        FR_TRY(find_type(output, &row, err));
        j->options.output = row->format;
    }
    long long threads = fr_arg_i64(cli, "threads", 0);
    if (threads < 0 || threads > 1024 || (threads == 0 && fr_arg_given(cli, "threads")))
        return fr_fail(err, FR_E_USAGE, NULL, "--threads takes a number from 1 to 1024, not %lld",
                       threads);
    j->options.imatrix = fr_arg_text(cli, "imatrix", NULL);
    j->options.requantize = fr_arg_flag(cli, "requantize");
    return fr_pool_new((int)threads, &j->options.pool, err);
}

/* "1 × 2 × 3", rows first. */
static const char *shape_text(const fr_quantized_tensor *t, char out[64])
{
    int n = 0;
    for (size_t d = t->n_dims; d > 0 && n < 60; d--)
        n += snprintf(out + n, 64 - (size_t)n, "%s%llu", d == t->n_dims ? "" : " × ",
                      (unsigned long long)t->dims[d - 1]);
    return out;
}

/* What did not go as asked, once for each kind. */
static void tell_fallbacks(fr_cli *cli, const fr_quantized *q)
{
    for (size_t i = 0; i < q->n_tensors; i++) {
        const fr_quantized_tensor *t = &q->tensors[i];
        size_t same = 0, earlier = 0;
        for (size_t k = 0; k < q->n_tensors; k++) {
            const fr_quantized_tensor *other = &q->tensors[k];
            const bool alike =
                other->wanted == t->wanted && other->to == t->to && other->dims[0] == t->dims[0];
            same += alike;
            earlier += alike && k < i;
        }
        if (t->to != t->wanted && earlier == 0)
            fr_cli_tell(cli,
                        "rows of %llu values are no whole blocks of %s: %s takes its place in %zu "
                        "tensor%s, as '%s'",
                        (unsigned long long)t->dims[0], fr_format_any_name(t->wanted),
                        fr_format_any_name(t->to), same, same == 1 ? "" : "s", t->name);
    }
    if (q->unused > 0)
        fr_cli_tell(cli, "%zu importances fit no tensor of the model", q->unused);
}

static json_t *json_tensors(const fr_quantized *q)
{
    json_t *list = json_array();
    for (size_t i = 0; i < q->n_tensors; i++) {
        const fr_quantized_tensor *t = &q->tensors[i];
        json_t *shape = json_array();
        for (size_t d = t->n_dims; d > 0; d--)
            json_array_append_new(shape, json_integer((json_int_t)t->dims[d - 1]));
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:o, s:I, s:o, s:b, s:b}", "name", t->name, "from",
                            fr_format_any_name(t->from), "to", fr_format_any_name(t->to), "shape",
                            shape, "size_bytes", (json_int_t)t->bytes_after, "error_ratio",
                            fr_json_f64(t->error_ratio), "fallback", t->to != t->wanted, "weighted",
                            t->weighted));
    }
    return list;
}

static int put_json(fr_cli *cli, const job *j, const fr_quantized *q, const fr_used *used)
{
    json_t *o = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:I}", "file", j->in, "out", j->out, "type",
        j->type->name, "output_type", fr_format_any_name(j->options.output), "tensor_bytes_before",
        (json_int_t)q->bytes_before, "tensor_bytes", (json_int_t)q->bytes_after, "error_ratio",
        fr_json_f64(q->error_ratio), "unused_importances", (json_int_t)q->unused);
    json_object_set_new(o, "tensors", json_tensors(q));
    fr_json_put_energy(o, "energy_j", used->total);
    json_object_set_new(o, "method", json_string(fr_method_name(used->total.method)));
    json_object_set_new(o, "cpu_s", fr_json_f64(used->cpu_s));
    json_object_set_new(o, "carbon_g", fr_json_f64(used->carbon.total_g));
    return fr_cli_put_json(cli, o);
}

static void print_tensors(const fr_quantized *q)
{
    char shape[64];
    for (size_t i = 0; i < q->n_tensors; i++) {
        const fr_quantized_tensor *t = &q->tensors[i];
        printf("  %-32s %-16s %-6s", t->name, shape_text(t, shape), fr_format_any_name(t->from));
        if (t->to == t->from)
            printf(" kept\n");
        else
            printf(" → %-6s  error %.3f%%%s\n", fr_format_any_name(t->to), 100 * t->error_ratio,
                   t->weighted ? ", weighted" : "");
    }
}

static void print_all(const job *j, const fr_quantized *q, const fr_used *used)
{
    struct {
        fr_format format;
        size_t n;
        uint64_t bytes;
    } sums[48] = { 0 };
    size_t n = 0;
    char energy[48];
    for (size_t i = 0; i < q->n_tensors; i++) {
        size_t k = 0;
        while (k < n && sums[k].format != q->tensors[i].to)
            k++;
        if (k == FR_COUNT_OF(sums))
            continue;
        n = FR_MAX(n, k + 1);
        sums[k].format = q->tensors[i].to;
        sums[k].n++;
        sums[k].bytes += q->tensors[i].bytes_after;
    }
    printf("%s: %.2f MB of tensors, %.1f%% of before\n", j->out, (double)q->bytes_after / 1e6,
           100 * (double)q->bytes_after / (double)FR_MAX(q->bytes_before, (uint64_t)1));
    for (size_t k = 0; k < n; k++)
        printf("  %-7s %4zu tensors  %9.2f MB\n", fr_format_any_name(sums[k].format), sums[k].n,
               (double)sums[k].bytes / 1e6);
    printf("error   %.3f%% of the weights' size (root mean square)\n", 100 * q->error_ratio);
    fr_text_energy(used->total, energy);
    printf("took    %s (%s), %.2f CPU-seconds\n", energy, fr_method_name(used->total.method),
           used->cpu_s);
}

static int quantize(fr_cli *cli, job *j, fr_quantized *q, fr_used *used, fr_err *err)
{
    fr_run *run = NULL;
    FR_TRY(fr_cli_run_begin(cli, "quantize", j->in, &run, err));
    j->options.progress = fr_cli_progress(cli, run);
    int rc = fr_quantize(j->in, j->out, &j->options, q, err);
    if (rc == 0)
        fr_run_note(run, "quality", "error_ratio", q->error_ratio, j->type->name, NULL);
    int end_rc = fr_run_end(run, rc == 0 ? "done" : "failed", rc == 0 ? 0 : 1, used, NULL,
                            rc == 0 ? err : NULL);
    return rc != 0 ? rc : end_rc;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    job j = { 0 };
    fr_used used = { 0 };
    FR_AUTO(fr_quantized) q = { 0 };
    int rc = read_options(cli, &j, &err);
    if (rc == 0)
        rc = quantize(cli, &j, &q, &used, &err);
    fr_pool_free(j.options.pool);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    tell_fallbacks(cli, &q);
    if (fr_cli_json(cli))
        return put_json(cli, &j, &q, &used);
    if (fr_arg_flag(cli, "tensors"))
        print_tensors(&q);
    print_all(&j, &q, &used);
    return 0;
}

const fr_command FR_COMMAND_quantize = {
    .name = "quantize",
    .run = run,
    .options = OPTIONS,
    .arguments = "IN OUT TYPE",
    .summary = "write a model file smaller, with its matrices in another number format",
    .examples =
        "frugal quantize model.gguf model-q8.gguf q8_0  # half of F16, hardly a difference\n"
        "frugal quantize model.gguf model-q4.gguf q4_k --imatrix imatrix.gguf\n"
        "frugal quantize model-00001-of-00003.gguf one.gguf f16 --json  # parts become one\n",
    .more =
        "TYPE is one of f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, iq4_nl, iq4_xs, q2_k, q3_k, "
        "q4_k, q5_k, q6_k. Vectors stay as they are, and so does all metadata but the file type. "
        "Rows that are no whole blocks of TYPE take the nearest format whose blocks they fill, "
        "which is said. Compare the result with `frugal perplexity`.",
};
