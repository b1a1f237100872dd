/* quantize.c: decides each tensor's format, then makes them row by row while the file is written.
 */
#include "model/quantize.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/mem.h"
#include "model/imatrix.h"

typedef struct {
    const fr_gguf *file;
    const fr_quantize_options *options;
    const fr_imatrix *imatrix;
    fr_quantized *result;
    double error, size, done; /* squared, over all that changed; bytes that are read */
} job;

static bool is_packed(fr_format format)
{
    const fr_format_row *row = fr_format_find(format);
    return row == NULL || row->block_values > 1;
}

static uint64_t n_rows(const fr_tensor *t)
{
    return t->dims[1] * t->dims[2] * t->dims[3];
}

/* Matrices of weights; what is computed with as vectors, or is a table of positions, stays. */
/* Tables that are looked up and added, as small as they are, not multiplied with. */
static bool is_looked_up(const fr_tensor *t)
{
    return fr_str_is(t->name, "position_embd.weight") || fr_str_is(t->name, "token_types.weight") ||
           fr_str_ends(t->name, FR_STR("attn_rel_b.weight"));
}

static bool is_matrix(const fr_tensor *t)
{
    return t->n_dims >= 2 && !is_looked_up(t) && n_rows(t) > 1 && t->dims[0] > 1 &&
           fr_str_ends(t->name, FR_STR(".weight")) && fr_format_find(t->format) != NULL;
}

static int choose(const job *j, const fr_tensor *t, fr_quantized_tensor *q, fr_err *err)
{
    const fr_quantize_options *o = j->options;
    *q = (fr_quantized_tensor){ .name = fr_str_dup(t->name),
                                .from = t->format,
                                .to = t->format,
                                .wanted = t->format,
                                .n_dims = t->n_dims,
                                .bytes_before = t->size_bytes,
                                .bytes_after = t->size_bytes };
    memcpy(q->dims, t->dims, sizeof(q->dims));
    if (!is_matrix(t))
        return 0;
    const bool tied = fr_gguf_tensor(j->file, "output.weight") == NULL;
    const bool output = fr_str_is(t->name, tied ? "token_embd.weight" : "output.weight");
    const fr_format wanted = output && o->output != FR_FORMAT_NONE ? o->output : o->format;
    const fr_format fits = fr_format_fitting(wanted, t->dims[0]);
    q->wanted = wanted;
    if (fits == t->format)
        return 0;
    if (is_packed(t->format) && !o->requantize)
        return fr_fail(err, FR_E_USAGE,
                       "Begin with the F32, F16 or BF16 model, or say --requantize: what the first "
                       "format lost stays lost.",
                       "'%s': tensor '%s' is in %s already", fr_gguf_path(j->file), q->name,
                       fr_format_any_name(t->format));
    const fr_format_row *row = fr_format_find(fits);
    q->to = fits;
    q->bytes_after = t->dims[0] / row->block_values * row->block_bytes * n_rows(t);
    return 0;
}

typedef struct {
    const fr_tensor *t;
    const fr_format_row *from, *to;
    const float *weights;
    uint8_t *out;
    float *values, *back; /* [threads][columns] */
    double *error, *size; /* [rows]: added in order, so that threads do not show */
} rows_job;

static void make_rows(void *args, size_t first, size_t end, int thread)
{
    const rows_job *r = args;
    const size_t n = (size_t)r->t->dims[0];
    const size_t bytes_in = n / r->from->block_values * r->from->block_bytes;
    const size_t bytes_out = n / r->to->block_values * r->to->block_bytes;
    float *values = r->values + (size_t)thread * n, *back = r->back + (size_t)thread * n;
    for (size_t row = first; row < end; row++) {
        uint8_t *out = r->out + row * bytes_out;
        r->from->to_f32((const uint8_t *)r->t->data + row * bytes_in, values, n);
        if (r->weights != NULL && r->to->from_f32_weighted != NULL)
            r->to->from_f32_weighted(values, r->weights, out, n);
        else
            r->to->from_f32(values, out, n);
        r->to->to_f32(out, back, n);
        for (size_t i = 0; i < n; i++) {
            const double x = (double)values[i], e = (double)back[i] - x;
            r->error[row] += e * e;
            r->size[row] += x * x;
        }
    }
}

/* Rows that pass between two looks at progress. */
enum { ROWS_AT_ONCE = 256 };

static int make_matrix(job *j, const fr_tensor *t, fr_quantized_tensor *q, uint8_t *bytes,
                       fr_err *err)
{
    const fr_quantize_options *o = j->options;
    const size_t rows = (size_t)n_rows(t), threads = (size_t)fr_pool_threads(o->pool);
    size_t n = 0;
    rows_job r = { .t = t, .from = fr_format_find(q->from), .to = fr_format_find(q->to) };
    if (j->imatrix != NULL)
        r.weights = fr_imatrix_of(j->imatrix, t->name, &n);
    if (r.weights != NULL && n != t->dims[0])
        return fr_fail(err, FR_E_FORMAT, "The importances were collected with another model.",
                       "'%s': %zu importances for '%s', whose rows have %llu values", o->imatrix, n,
                       q->name, (unsigned long long)t->dims[0]);
    q->weighted = r.weights != NULL && r.to->from_f32_weighted != NULL;
    r.values = FR_NEW_N(float, threads * t->dims[0]);
    r.back = FR_NEW_N(float, threads * t->dims[0]);
    r.error = FR_NEW_N(double, rows);
    r.size = FR_NEW_N(double, rows);
    const size_t bytes_out = (size_t)(t->dims[0] / r.to->block_values * r.to->block_bytes);
    const size_t bytes_in = (size_t)(t->dims[0] / r.from->block_values * r.from->block_bytes);
    double error = 0, size = 0;
    int rc = 0;
    for (size_t row = 0; row < rows && rc == 0; row += ROWS_AT_ONCE) {
        const size_t count = FR_MIN((size_t)ROWS_AT_ONCE, rows - row);
        fr_tensor part = *t;
        part.data = (const uint8_t *)t->data + row * bytes_in;
        rows_job some = r;
        some.t = &part;
        some.out = bytes + row * bytes_out;
        some.error += row;
        some.size += row;
        fr_pool_run(o->pool, count, make_rows, &some);
        fr_progress_step(o->progress, "quantize", j->done + (double)((row + count) * bytes_in),
                         (double)j->result->bytes_before, "bytes", q->name);
        if (fr_progress_stopped(o->progress))
            rc = fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped before the file was whole");
    }
    for (size_t row = 0; row < rows; row++) {
        error += r.error[row];
        size += r.size[row];
    }
    q->error_ratio = size > 0 ? sqrt(error / size) : 0;
    j->error += error;
    j->size += size;
    free(r.values);
    free(r.back);
    free(r.error);
    free(r.size);
    return rc;
}

static int make(void *user, size_t index, void *bytes, fr_err *err)
{
    job *j = user;
    const fr_tensor *t = fr_gguf_tensor_at(j->file, index);
    fr_quantized_tensor *q = &j->result->tensors[index];
    if (q->to == q->from)
        memcpy(bytes, t->data, (size_t)t->size_bytes);
    else
        FR_TRY(make_matrix(j, t, q, bytes, err));
    j->done += (double)t->size_bytes;
    return 0;
}

static void count_unused(const job *j)
{
    for (size_t i = 0; i < j->result->n_tensors && j->imatrix != NULL; i++) {
        size_t n;
        if (fr_imatrix_of(j->imatrix, fr_str_of(j->result->tensors[i].name), &n) != NULL)
            j->result->unused--;
    }
}

static int check_paths(const char *in, const char *out, fr_err *err)
{
    struct stat a, b;
    if (stat(in, &a) == 0 && stat(out, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return fr_fail(err, FR_E_USAGE, "Give the new file another name.",
                       "'%s' is to be read and written", in);
    return 0;
}

static int quantize(job *j, const char *out, fr_err *err)
{
    fr_quantized *r = j->result;
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    fr_gguf_put_u32(o, "general.file_type", fr_format_find(j->options->format)->file_type);
    fr_gguf_put_u32(o, "general.quantization_version", 2);
    fr_gguf_put_all(o, j->file);
    r->tensors = FR_NEW_N(fr_quantized_tensor, fr_gguf_n_tensors(j->file));
    for (size_t i = 0; i < fr_gguf_n_tensors(j->file); i++) {
        const fr_tensor *t = fr_gguf_tensor_at(j->file, i);
        fr_quantized_tensor *q = &r->tensors[r->n_tensors++];
        FR_TRY(choose(j, t, q, err));
        r->bytes_before += q->bytes_before;
        r->bytes_after += q->bytes_after;
        fr_gguf_put_made(o, q->name, q->to, t->dims, t->n_dims, make, j);
    }
    if (j->imatrix != NULL)
        r->unused = fr_imatrix_n(j->imatrix);
    count_unused(j);
    if (j->imatrix != NULL && r->unused == fr_imatrix_n(j->imatrix))
        return fr_fail(err, FR_E_FORMAT, "The importances were collected with another model.",
                       "'%s' has no importances for any tensor of '%s'", j->options->imatrix,
                       fr_gguf_path(j->file));
    FR_TRY(fr_gguf_write(o, out, err));
    r->error_ratio = j->size > 0 ? sqrt(j->error / j->size) : 0;
    return 0;
}

int fr_quantize(const char *in, const char *out, const fr_quantize_options *options,
                fr_quantized *result, fr_err *err)
{
    FR_AUTOPTR(fr_gguf) file = NULL;
    FR_AUTOPTR(fr_imatrix) imatrix = NULL;
    *result = (fr_quantized){ 0 };
    FR_TRY(check_paths(in, out, err));
    FR_TRY(fr_gguf_open(in, &file, err));
    if (options->imatrix != NULL)
        FR_TRY(fr_imatrix_open(options->imatrix, &imatrix, err));
    job j = { .file = file, .options = options, .imatrix = imatrix, .result = result };
    return quantize(&j, out, err);
}

void fr_quantized_fini(fr_quantized *q)
{
    for (size_t i = 0; i < q->n_tensors; i++)
        free(q->tensors[i].name);
    free(q->tensors);
    *q = (fr_quantized){ 0 };
}
