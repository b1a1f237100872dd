/* gguf_test.c: GGUF files, ours, another program's, and broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/mem.h"
#include "model/gguf.h"

#define GOLDEN FR_SOURCE_DIR "/tests/fixtures/llama-golden/model.gguf"

/* A file of all kinds of keys and two tensors, written to a temporary path. */
static void write_sample(char path[32])
{
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    static const float SCORES[] = { 1.5f, -2 };
    static const int32_t TYPES[] = { 1, 3, 6 };
    static uint8_t blocks[2 * 34];
    static const float BIAS[3] = { 1, 2, 3 };
    fr_gguf_put_str(o, "general.architecture", FR_STR("llama"));
    fr_gguf_put_u32(o, "count", 7);
    fr_gguf_put_f32(o, "eps", 0.25f);
    fr_gguf_put_bool(o, "yes", true);
    fr_gguf_put_strs(o, "words", (fr_str[]){ FR_STR("one"), FR_STR(""), FR_STR("three") }, 3);
    fr_gguf_put_f32s(o, "scores", SCORES, 2);
    fr_gguf_put_i32s(o, "types", TYPES, 3);
    blocks[2] = 42;
    fr_gguf_put_tensor(o, "w", FR_FORMAT_Q8_0, (uint64_t[]){ 32, 2 }, 2, blocks);
    fr_gguf_put_tensor(o, "b", FR_FORMAT_F32, (uint64_t[]){ 3 }, 1, BIAS);
    strcpy(path, "/tmp/frugal-gguf-XXXXXX");
    close(mkstemp(path));
    assert_int_equal(fr_gguf_write(o, path, NULL), 0);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    char path[32];
    FR_AUTOPTR(fr_gguf) g = NULL;
    write_sample(path);
    assert_int_equal(fr_gguf_open(path, &g, NULL), 0);
    uint64_t u;
    int64_t i;
    double f;
    bool b;
    fr_str s;
    size_t n;
    assert_true(fr_gguf_get_u64(g, "count", &u) && u == 7);
    assert_true(fr_gguf_get_f64(g, "eps", &f) && f == 0.25);
    assert_true(fr_gguf_get_f64(g, "count", &f) && f == 7);
    assert_true(fr_gguf_get_bool(g, "yes", &b) && b);
    assert_true(fr_gguf_get_str(g, "general.architecture", &s) && fr_str_is(s, "llama"));
    assert_true(fr_gguf_array(g, "words", &n) && n == 3);
    assert_true(fr_gguf_array_str(g, "words", 2, &s) && fr_str_is(s, "three"));
    assert_false(fr_gguf_array_str(g, "words", 3, &s));
    assert_true(fr_gguf_array_f64(g, "scores", 1, &f) && f == -2);
    assert_true(fr_gguf_array_i64(g, "types", 2, &i) && i == 6);
    assert_false(fr_gguf_get_u64(g, "yes", &u) || fr_gguf_get_u64(g, "nothing", &u));
    const fr_tensor *w = fr_gguf_tensor(g, "w"), *bias = fr_gguf_tensor(g, "b");
    assert_true(w->format == FR_FORMAT_Q8_0 && w->dims[0] == 32 && w->dims[1] == 2);
    assert_int_equal(((const uint8_t *)w->data)[2], 42);
    assert_true(bias->n_dims == 1 && ((const float *)bias->data)[2] == 3);
    assert_null(fr_gguf_tensor(g, "c"));
    unlink(path);
}

static void metadata_is_carried_over_except_what_was_already_put(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_gguf) from = NULL;
    FR_AUTOPTR(fr_gguf) to = NULL;
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    char path[] = "/tmp/frugal-gguf-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(fr_gguf_open(GOLDEN, &from, NULL), 0);
    fr_gguf_put_str(o, "general.name", FR_STR("renamed"));
    fr_gguf_put_all(o, from);
    assert_int_equal(fr_gguf_write(o, path, NULL), 0);
    assert_int_equal(fr_gguf_open(path, &to, NULL), 0);
    fr_str name, token;
    assert_int_equal(fr_gguf_n_keys(to), fr_gguf_n_keys(from));
    assert_true(fr_gguf_get_str(to, "general.name", &name) && fr_str_is(name, "renamed"));
    assert_true(fr_gguf_array_str(to, "tokenizer.ggml.tokens", 287, &token));
    assert_true(fr_str_is(token, "\xe2\x96\x81"
                                 "a"));
    unlink(path);
}

static void a_file_of_the_gguf_package_is_read(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_gguf) g = NULL;
    FR_AUTO(fr_buf) value = { 0 };
    fr_str key;
    const char *type;
    uint64_t n;
    assert_int_equal(fr_gguf_open(GOLDEN, &g, NULL), 0);
    assert_int_equal(fr_gguf_version(g), 3);
    assert_int_equal(fr_gguf_n_tensors(g), 21);
    assert_true(fr_gguf_get_u64(g, "llama.block_count", &n) && n == 2);
    for (size_t i = 0; i < fr_gguf_n_keys(g); i++) {
        fr_buf_clear(&value);
        fr_gguf_key_at(g, i, &key, &type, &value);
        assert_true(key.n > 0 && value.n > 0);
    }
}

/* ---- broken files ---------------------------------------------------------------------------- */

static int parse(const fr_buf *file, fr_err *err)
{
    FR_AUTOPTR(fr_gguf) g = NULL;
    return fr_gguf_parse(file->at, file->n, "x.gguf", &g, err);
}

static void read_sample(fr_buf *file)
{
    char path[32];
    write_sample(path);
    assert_int_equal(fr_file_read(path, 1 << 20, file, NULL), 0);
    unlink(path);
}

/* Cut anywhere, the file is refused and says so; nothing is read beyond the end (ASan looks). */
static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) file = { 0 };
    read_sample(&file);
    size_t data_end = file.n - 20; /* of the last tensor; behind it is padding */
    for (size_t n = 0; n < data_end; n++) {
        char *cut = malloc(n + 1);
        memcpy(cut, file.at, n);
        cut = realloc(cut, n != 0 ? n : 1);
        FR_AUTOPTR(fr_gguf) g = NULL;
        fr_err err = { 0 };
        assert_int_equal(fr_gguf_parse(cut, n, "x.gguf", &g, &err), FR_E_FORMAT);
        assert_non_null(strstr(err.what, "x.gguf"));
        free(cut);
    }
}

/* Every byte set to extremes: an error or a file, never a crash. */
static void a_file_with_any_byte_changed_does_no_harm(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) file = { 0 };
    read_sample(&file);
    static const uint8_t VALUES[] = { 0, 1, 0x7f, 0x80, 0xff };
    for (size_t at = 0; at < file.n; at++)
        for (size_t v = 0; v < sizeof(VALUES); v++) {
            char kept = file.at[at];
            file.at[at] = (char)VALUES[v];
            parse(&file, NULL);
            file.at[at] = kept;
        }
}

static size_t place_of(const fr_buf *file, const char *text)
{
    size_t at;
    assert_true(fr_str_find(fr_buf_str(file), fr_str_of(text), &at));
    return at;
}

static void assert_refused(fr_buf *file, size_t at, uint64_t number, size_t bytes, int code,
                           const char *said)
{
    char kept[8];
    fr_err err = { 0 };
    memcpy(kept, file->at + at, bytes);
    memcpy(file->at + at, &number, bytes);
    assert_int_equal(parse(file, &err), code);
    if (strstr(err.what, said) == NULL)
        fail_msg("'%s' does not say '%s'", err.what, said);
    memcpy(file->at + at, kept, bytes);
}

static void hostile_numbers_are_refused_with_what_and_where(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) file = { 0 };
    read_sample(&file);
    size_t count = place_of(&file, "count"), words = place_of(&file, "words");
    size_t tensor = file.n - 32 - 96; /* the data of w, 68 bytes and padding, then b */
    assert_refused(&file, 0, 'X', 1, FR_E_FORMAT, "does not begin with 'GGUF'");
    assert_refused(&file, 4, 1, 4, FR_E_UNSUPPORTED, "version 1");
    assert_refused(&file, 4, 0x03000000, 4, FR_E_UNSUPPORTED, "big-endian");
    assert_refused(&file, 8, UINT64_MAX, 8, FR_E_FORMAT, "tensors");
    assert_refused(&file, 16, (uint64_t)1 << 40, 8, FR_E_FORMAT, "keys");
    assert_refused(&file, count - 8, UINT64_MAX, 8, FR_E_FORMAT, "bytes, but");
    assert_refused(&file, count - 8, 0, 8, FR_E_FORMAT, "name of 0 bytes");
    assert_refused(&file, count + 5, 99, 4, FR_E_FORMAT, "key 'count'");
    assert_refused(&file, words + 5 + 4, 9, 4, FR_E_UNSUPPORTED, "array of arrays");
    assert_refused(&file, words + 5 + 8, UINT64_MAX / 8, 8, FR_E_FORMAT, "elements");
    assert_refused(&file, place_of(&file, "yes") + 3 + 4, 2, 1, FR_E_FORMAT, "truth value");
    /* the header of w: name length 8, "w", n_dims 4, dims 16, format 4, offset 8 */
    for (size_t at = 0; at < tensor; at++)
        if (memcmp(file.at + at, "\1\0\0\0\0\0\0\0w\2\0\0\0", 13) == 0)
            tensor = at;
    assert_refused(&file, tensor + 9, 5, 4, FR_E_FORMAT, "5 dimensions");
    assert_refused(&file, tensor + 13, 0, 8, FR_E_FORMAT, "dimension 0");
    assert_refused(&file, tensor + 13, UINT64_MAX, 8, FR_E_FORMAT, "dimension 0");
    assert_refused(&file, tensor + 13, 33, 8, FR_E_FORMAT, "whole Q8_0 blocks");
    assert_refused(&file, tensor + 21, 64, 8, FR_E_FORMAT, "tensor 'w'");
    assert_refused(&file, tensor + 29, 77, 4, FR_E_UNSUPPORTED, "format number 77");
    assert_refused(&file, tensor + 33, 16, 8, FR_E_FORMAT, "not a multiple of 32");
    assert_refused(&file, tensor + 33, 96, 8, FR_E_FORMAT, "but the file has");
    assert_refused(&file, tensor + 33, UINT64_MAX - 31, 8, FR_E_FORMAT, "begins at data byte");
    assert_int_equal(parse(&file, NULL), 0); /* all put back */
}

static void a_name_that_stands_twice_is_refused(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) file = { 0 };
    fr_err err = { 0 };
    read_sample(&file);
    memcpy(file.at + place_of(&file, "types"), "words", 5);
    assert_int_equal(parse(&file, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "'words' stands twice"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(metadata_is_carried_over_except_what_was_already_put),
        cmocka_unit_test(a_file_of_the_gguf_package_is_read),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_file_with_any_byte_changed_does_no_harm),
        cmocka_unit_test(hostile_numbers_are_refused_with_what_and_where),
        cmocka_unit_test(a_name_that_stands_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
