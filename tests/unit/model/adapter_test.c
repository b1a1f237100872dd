/* adapter_test.c: adapters that do not fit, and safetensors files that are broken. That a good one
 * gives the logits of merged weights is in forward_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/mem.h"
#include "model/model.h"
#include "model/safetensors.h"

#define GOLDEN FR_SOURCE_DIR "/tests/fixtures/llama-golden/"

/* A safetensors file in memory: its header's length, the header, then zeros. */
static int parse(const char *header, size_t data_bytes, fr_err *err)
{
    FR_AUTO(fr_buf) file = { 0 };
    FR_AUTOPTR(fr_safetensors) s = NULL;
    uint64_t length = strlen(header);
    fr_buf_put(&file, &length, 8);
    fr_buf_put_s(&file, header);
    for (size_t i = 0; i < data_bytes; i++)
        fr_buf_put_c(&file, 0);
    return fr_safetensors_parse(file.at, file.n, "x.safetensors", &s, err);
}

static void assert_refused(const char *header, size_t data_bytes, const char *said)
{
    fr_err err = { 0 };
    assert_int_equal(parse(header, data_bytes, &err), FR_E_FORMAT);
    if (strstr(err.what, said) == NULL)
        fail_msg("'%s' does not say '%s'", err.what, said);
}

static void safetensors_are_found_by_name_with_turned_dimensions(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_safetensors) s = NULL;
    assert_int_equal(fr_safetensors_open(GOLDEN "adapter/adapter_model.safetensors", &s, NULL), 0);
    assert_int_equal(fr_safetensors_n(s), 28);
    const fr_tensor *t =
        fr_safetensors_find(s, "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight");
    assert_true(t != NULL && t->dims[0] == 64 && t->dims[1] == 4 && t->format == FR_FORMAT_F32);
    assert_null(fr_safetensors_find(s, "lm_head.weight"));
}

static void broken_safetensors_are_refused_with_what_and_where(void **state)
{
    (void)state;
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "'a'");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 8,
                   "another size");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,0]}}", 8,
                   "offsets");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "shape");
    assert_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
                   "\"data_offsets\":[0,8]}}",
                   8, "shape");
    assert_refused("{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "type");
    assert_refused("{\"a\":5}", 8, "'a'");
    assert_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
                   "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
                   8, "not a JSON object");
    assert_refused("[]", 8, "not a JSON object");
    assert_refused("{", 8, "not a JSON object");
    fr_err err = { 0 };
    FR_AUTOPTR(fr_safetensors) s = NULL;
    assert_int_equal(fr_safetensors_parse("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "x", &s, &err),
                     FR_E_FORMAT);
    assert_non_null(strstr(err.what, "18446744073709551615"));
    assert_int_equal(fr_safetensors_parse("\1\0\0", 3, "x", &s, &err), FR_E_FORMAT);
    assert_int_equal(parse("{\"__metadata__\":{\"format\":\"pt\"}}", 0, &err), 0);
}

static fr_model *open_golden(void)
{
    fr_model *m = NULL;
    assert_int_equal(fr_model_open(GOLDEN "model.gguf", &m, NULL), 0);
    return m;
}

/* The golden adapter with another configuration. */
static int open_with_config(const fr_model *m, const char *config, fr_err *err)
{
    char dir[] = "/tmp/frugal-adapter-XXXXXX";
    FR_AUTO(fr_buf) bytes = { 0 };
    FR_AUTOPTR(fr_adapter) a = NULL;
    assert_non_null(mkdtemp(dir));
    char *config_path = fr_path_join(dir, "adapter_config.json");
    char *path = fr_path_join(dir, "adapter_model.safetensors");
    assert_int_equal(
        fr_file_read(GOLDEN "adapter/adapter_model.safetensors", 1 << 20, &bytes, NULL), 0);
    assert_int_equal(fr_file_write(path, fr_buf_str(&bytes), NULL), 0);
    assert_int_equal(fr_file_write(config_path, fr_str_of(config), NULL), 0);
    int rc = fr_adapter_open(m, dir, &a, err);
    unlink(path);
    unlink(config_path);
    rmdir(dir);
    free(path);
    free(config_path);
    return rc;
}

static void configurations_that_mean_something_else_are_refused(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_model) m = open_golden();
    fr_err err = { 0 };
    assert_int_equal(open_with_config(m, "{\"peft_type\":\"LORA\",\"lora_alpha\":8}", &err), 0);
    assert_int_equal(open_with_config(m, "{\"peft_type\":\"IA3\"}", &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "IA3"));
    assert_int_equal(open_with_config(m, "{\"peft_type\":\"LORA\"}", &err), FR_E_FORMAT);
    assert_int_equal(open_with_config(m,
                                      "{\"peft_type\":\"LORA\",\"lora_alpha\":8,"
                                      "\"use_dora\":true}",
                                      &err),
                     FR_E_UNSUPPORTED);
    assert_int_equal(
        open_with_config(m, "{\"peft_type\":\"LORA\",\"lora_alpha\":8,\"bias\":\"all\"}", &err),
        FR_E_UNSUPPORTED);
    assert_int_equal(open_with_config(m, "{\"peft_type\":\"LORA\",\n", &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "adapter_config.json':"));
}

static void an_adapter_of_another_model_is_refused(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_model) m = open_golden();
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    static const float ZEROS[128];
    fr_adapter *a = NULL;
    fr_err err = { 0 };
    char path[] = "/tmp/frugal-adapter-XXXXXX";
    close(mkstemp(path));
    fr_gguf_put_str(o, "general.type", FR_STR("adapter"));
    fr_gguf_put_str(o, "adapter.type", FR_STR("lora"));
    fr_gguf_put_f32(o, "adapter.lora.alpha", 4);
    fr_gguf_put_tensor(o, "blk.0.attn_q.weight.lora_a", FR_FORMAT_F32, (uint64_t[]){ 48, 2 }, 2,
                       ZEROS);
    fr_gguf_put_tensor(o, "blk.0.attn_q.weight.lora_b", FR_FORMAT_F32, (uint64_t[]){ 2, 48 }, 2,
                       ZEROS);
    assert_int_equal(fr_gguf_write(o, path, NULL), 0);
    assert_int_equal(fr_adapter_open(m, path, &a, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "2 × 48, for a matrix of 32 × 32"));
    assert_int_equal(fr_adapter_open(m, GOLDEN "model.gguf", &a, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "not a LoRA adapter"));
    assert_int_equal(fr_adapter_open(m, "/nowhere", &a, &err), FR_E_NOT_FOUND);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_are_found_by_name_with_turned_dimensions),
        cmocka_unit_test(broken_safetensors_are_refused_with_what_and_where),
        cmocka_unit_test(configurations_that_mean_something_else_are_refused),
        cmocka_unit_test(an_adapter_of_another_model_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
