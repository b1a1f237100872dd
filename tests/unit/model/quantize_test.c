/* quantize_test.c: a model file in another number format, importances, and models in parts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/mem.h"
#include "base/random.h"
#include "model/imatrix.h"
#include "model/quantize.h"

enum { ROWS = 6, COLUMNS = 256, SHORT = 96 };

typedef struct {
    char dir[32];
    float up[ROWS * COLUMNS], output[ROWS * SHORT], norm[COLUMNS], importance[COLUMNS];
} folder;

static char *in(const folder *f, const char *name)
{
    return fr_path_join(f->dir, name);
}

static void put_matrices(fr_gguf_out *o, const folder *f)
{
    fr_gguf_put_tensor(o, "blk.0.ffn_up.weight", FR_FORMAT_F32, (uint64_t[]){ COLUMNS, ROWS }, 2,
                       f->up);
    fr_gguf_put_tensor(o, "blk.0.ffn_norm.weight", FR_FORMAT_F32, (uint64_t[]){ COLUMNS }, 1,
                       f->norm);
}

static void put_output(fr_gguf_out *o, const folder *f)
{
    fr_gguf_put_tensor(o, "output.weight", FR_FORMAT_F32, (uint64_t[]){ SHORT, ROWS }, 2,
                       f->output);
}

static void write_file(fr_gguf_out *o, const folder *f, const char *name)
{
    char *path = in(f, name);
    assert_int_equal(fr_gguf_write(o, path, NULL), 0);
    free(path);
}

static int setup(void **state)
{
    folder *f = FR_NEW(folder);
    strcpy(f->dir, "/tmp/frugal-quantize-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        f->up[i] = (float)fr_random_normal(1, FR_RANDOM_TEST, 0, i);
    for (size_t i = 0; i < ROWS * SHORT; i++)
        f->output[i] = (float)fr_random_normal(1, FR_RANDOM_TEST, 1, i);
    for (size_t i = 0; i < COLUMNS; i++) {
        f->norm[i] = (float)i / 7;
        f->importance[i] = (float)exp(2 * fr_random_normal(1, FR_RANDOM_TEST, 2, i));
    }
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    fr_gguf_put_str(o, "general.architecture", FR_STR("llama"));
    fr_gguf_put_u32(o, "general.file_type", 0);
    fr_gguf_put_strs(o, "words", (fr_str[]){ FR_STR("a"), FR_STR("") }, 2);
    put_matrices(o, f);
    put_output(o, f);
    write_file(o, f, "model.gguf");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    folder *f = *state;
    char **names;
    size_t n;
    assert_int_equal(fr_dir_list(f->dir, &names, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        char *path = in(f, names[i]);
        unlink(path);
        free(path);
    }
    fr_names_free(names, n);
    rmdir(f->dir);
    free(f);
    return 0;
}

static int quantized(const folder *f, const char *from, const char *to,
                     const fr_quantize_options *options, fr_quantized *q, fr_err *err)
{
    char *in_path = in(f, from), *out_path = in(f, to);
    int rc = fr_quantize(in_path, out_path, options, q, err);
    free(in_path);
    free(out_path);
    return rc;
}

static fr_gguf *opened(const folder *f, const char *name)
{
    fr_gguf *g = NULL;
    char *path = in(f, name);
    assert_int_equal(fr_gguf_open(path, &g, NULL), 0);
    free(path);
    return g;
}

static void matrices_change_and_all_else_is_kept(void **state)
{
    const folder *f = *state;
    fr_quantize_options options = { .format = FR_FORMAT_Q4_K, .output = FR_FORMAT_Q6_K };
    FR_AUTO(fr_quantized) q = { 0 };
    assert_int_equal(quantized(f, "model.gguf", "q.gguf", &options, &q, NULL), 0);
    FR_AUTOPTR(fr_gguf) g = opened(f, "q.gguf");
    uint64_t type = 0;
    fr_str word;
    assert_true(fr_gguf_get_u64(g, "general.file_type", &type) && type == 14);
    assert_true(fr_gguf_array_str(g, "words", 0, &word) && fr_str_is(word, "a"));
    const fr_tensor *up = fr_gguf_tensor(g, "blk.0.ffn_up.weight");
    const fr_tensor *norm = fr_gguf_tensor(g, "blk.0.ffn_norm.weight");
    const fr_tensor *output = fr_gguf_tensor(g, "output.weight");
    uint8_t want[ROWS * 144];
    fr_format_find(FR_FORMAT_Q4_K)->from_f32(f->up, want, ROWS * COLUMNS);
    assert_int_equal(up->format, FR_FORMAT_Q4_K);
    assert_memory_equal(up->data, want, sizeof(want));
    assert_memory_equal(norm->data, f->norm, sizeof(f->norm));
    /* rows of 96 fill no block of 256: the format that stands in is named */
    assert_int_equal(output->format, FR_FORMAT_Q8_0);
    assert_true(q.n_tensors == 3 && q.tensors[2].wanted == FR_FORMAT_Q6_K &&
                q.tensors[2].to == FR_FORMAT_Q8_0);
    float back[ROWS * COLUMNS];
    double error = 0, size = 0;
    fr_format_find(FR_FORMAT_Q4_K)->to_f32(up->data, back, ROWS * COLUMNS);
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        error += pow((double)back[i] - (double)f->up[i], 2);
        size += pow((double)f->up[i], 2);
    }
    assert_true(fabs(q.tensors[0].error_ratio - sqrt(error / size)) < 1e-9);
}

static void threads_do_not_show_in_the_file(void **state)
{
    const folder *f = *state;
    fr_quantize_options options = { .format = FR_FORMAT_IQ4_NL };
    FR_AUTO(fr_quantized) one = { 0 };
    FR_AUTO(fr_quantized) two = { 0 };
    FR_AUTOPTR(fr_pool) pool = NULL;
    assert_int_equal(fr_pool_new(2, &pool, NULL), 0);
    assert_int_equal(quantized(f, "model.gguf", "1.gguf", &options, &one, NULL), 0);
    options.pool = pool;
    assert_int_equal(quantized(f, "model.gguf", "2.gguf", &options, &two, NULL), 0);
    FR_AUTO(fr_buf) a = { 0 };
    FR_AUTO(fr_buf) b = { 0 };
    char *path_a = in(f, "1.gguf"), *path_b = in(f, "2.gguf");
    assert_int_equal(fr_file_read(path_a, 1 << 20, &a, NULL), 0);
    assert_int_equal(fr_file_read(path_b, 1 << 20, &b, NULL), 0);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.at, b.at, a.n);
    free(path_a);
    free(path_b);
}

static double weighted_error(const folder *f, const char *file)
{
    FR_AUTOPTR(fr_gguf) g = opened(f, file);
    const fr_tensor *up = fr_gguf_tensor(g, "blk.0.ffn_up.weight");
    float back[ROWS * COLUMNS];
    double error = 0;
    fr_format_find(up->format)->to_f32(up->data, back, ROWS * COLUMNS);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        error += pow((double)back[i] - (double)f->up[i], 2) * (double)f->importance[i % COLUMNS];
    return error;
}

/* The older form: one matrix, its name, calls, columns, values. */
static void write_dat(const folder *f, const char *name, int32_t columns)
{
    FR_AUTO(fr_buf) b = { 0 };
    const int32_t head[2] = { 1, 19 }, calls[2] = { 3, columns };
    char *path = in(f, name);
    fr_buf_put(&b, head, sizeof(head));
    fr_buf_put_s(&b, "blk.0.ffn_up.weight");
    fr_buf_put(&b, calls, sizeof(calls));
    fr_buf_put(&b, f->importance, (size_t)columns * sizeof(float));
    assert_int_equal(fr_file_write(path, fr_buf_str(&b), NULL), 0);
    free(path);
}

static void importances_of_either_file_lessen_the_error_that_they_weigh(void **state)
{
    const folder *f = *state;
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    fr_gguf_put_str(o, "general.type", FR_STR("imatrix"));
    fr_gguf_put_tensor(o, "blk.0.ffn_up.weight.in_sum2", FR_FORMAT_F32, (uint64_t[]){ COLUMNS }, 1,
                       f->importance);
    write_file(o, f, "imatrix.gguf");
    write_dat(f, "imatrix.dat", COLUMNS);
    static const char *const FILES[] = { NULL, "imatrix.gguf", "imatrix.dat" };
    double error[3];
    for (size_t i = 0; i < 3; i++) {
        char *imatrix = FILES[i] != NULL ? in(f, FILES[i]) : NULL;
        fr_quantize_options options = { .format = FR_FORMAT_Q4_K, .imatrix = imatrix };
        FR_AUTO(fr_quantized) q = { 0 };
        assert_int_equal(quantized(f, "model.gguf", "w.gguf", &options, &q, NULL), 0);
        assert_true(q.tensors[0].weighted == (i > 0) && q.unused == 0);
        error[i] = weighted_error(f, "w.gguf");
        free(imatrix);
    }
    assert_true(error[1] < 0.9 * error[0] && error[1] == error[2]);
}

static void what_makes_no_sense_is_refused_and_leaves_no_file(void **state)
{
    const folder *f = *state;
    fr_quantize_options options = { .format = FR_FORMAT_Q8_0 };
    FR_AUTO(fr_quantized) q = { 0 };
    fr_err err = { 0 };
    assert_int_equal(quantized(f, "model.gguf", "model.gguf", &options, &q, &err), FR_E_USAGE);
    assert_int_equal(quantized(f, "model.gguf", "q8.gguf", &options, &q, NULL), 0);
    fr_quantized_fini(&q);
    options.format = FR_FORMAT_Q4_0;
    assert_int_equal(quantized(f, "q8.gguf", "no.gguf", &options, &q, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "'blk.0.ffn_up.weight' is in Q8_0 already"));
    fr_quantized_fini(&q);
    options.requantize = true;
    assert_int_equal(quantized(f, "q8.gguf", "q4.gguf", &options, &q, NULL), 0);
    fr_quantized_fini(&q);
    write_dat(f, "other.dat", COLUMNS - 1);
    char *other = in(f, "other.dat"), *none = in(f, "no.gguf");
    options.imatrix = other;
    assert_int_equal(quantized(f, "model.gguf", "no.gguf", &options, &q, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "255 importances for 'blk.0.ffn_up.weight'"));
    assert_false(fr_file_exists(none));
    free(other);
    free(none);
}

/* ---- models in parts ------------------------------------------------------------------------- */

static void write_part(const folder *f, int number, int count, int said)
{
    char name[64];
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    if (number == 0)
        fr_gguf_put_str(o, "general.architecture", FR_STR("llama"));
    fr_gguf_put_u32(o, "split.no", (uint32_t)said);
    fr_gguf_put_u32(o, "split.count", (uint32_t)count);
    fr_gguf_put_u32(o, "split.tensors.count", 3);
    if (number == 1)
        put_matrices(o, f);
    if (number == 2)
        put_output(o, f);
    snprintf(name, sizeof(name), "parts-%05d-of-%05d.gguf", number + 1, count);
    write_file(o, f, name);
}

static void a_model_in_parts_is_one_file_from_its_first_part_on(void **state)
{
    const folder *f = *state;
    for (int i = 0; i < 3; i++)
        write_part(f, i, 3, i);
    FR_AUTOPTR(fr_gguf) g = opened(f, "parts-00001-of-00003.gguf");
    uint64_t count;
    assert_true(fr_gguf_n_parts(g) == 3 && fr_gguf_n_tensors(g) == 3);
    assert_memory_equal(fr_gguf_tensor(g, "output.weight")->data, f->output, sizeof(f->output));
    assert_memory_equal(fr_gguf_tensor(g, "blk.0.ffn_up.weight")->data, f->up, sizeof(f->up));
    assert_false(fr_gguf_get_u64(g, "split.count", &count));
    fr_quantize_options options = { .format = FR_FORMAT_F16 };
    FR_AUTO(fr_quantized) q = { 0 };
    assert_int_equal(quantized(f, "parts-00001-of-00003.gguf", "whole.gguf", &options, &q, NULL),
                     0);
    FR_AUTOPTR(fr_gguf) whole = opened(f, "whole.gguf");
    assert_true(fr_gguf_n_parts(whole) == 1 && fr_gguf_n_tensors(whole) == 3);
}

static void assert_no_open(const folder *f, const char *name, const char *what)
{
    fr_gguf *g = NULL;
    fr_err err = { 0 };
    char *path = in(f, name);
    assert_true(fr_gguf_open(path, &g, &err) != 0);
    if (strstr(err.what, what) == NULL)
        fail_msg("'%s' does not say '%s'", err.what, what);
    free(path);
}

static void parts_that_are_missing_mixed_up_or_named_alone_are_told(void **state)
{
    const folder *f = *state;
    for (int i = 0; i < 3; i++)
        write_part(f, i, 3, i);
    assert_no_open(f, "parts-00002-of-00003.gguf", "is part 2 of 3 of a model");
    write_part(f, 2, 3, 1);
    assert_no_open(f, "parts-00001-of-00003.gguf", "is not part 3 of");
    char *third = in(f, "parts-00003-of-00003.gguf"), *first = in(f, "parts-00001-of-00003.gguf");
    unlink(third);
    assert_no_open(f, "parts-00001-of-00003.gguf", "parts-00003-of-00003.gguf");
    char *renamed = in(f, "renamed.gguf");
    assert_int_equal(rename(first, renamed), 0);
    assert_no_open(f, "renamed.gguf", "is one of 3 parts, by another name");
    free(third);
    free(first);
    free(renamed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_change_and_all_else_is_kept),
        cmocka_unit_test(threads_do_not_show_in_the_file),
        cmocka_unit_test(importances_of_either_file_lessen_the_error_that_they_weigh),
        cmocka_unit_test(what_makes_no_sense_is_refused_and_leaves_no_file),
        cmocka_unit_test(a_model_in_parts_is_one_file_from_its_first_part_on),
        cmocka_unit_test(parts_that_are_missing_mixed_up_or_named_alone_are_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
