/* convert_test.c: folders of Hugging Face become files that answer as transformers does, and what
 * cannot be converted is refused by name, with nothing written. Fixtures and their script:
 * tests/fixtures/models/compare_converted.py, which holds every architecture. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/mem.h"
#include "model/convert.h"
#include "model/hf_folder.h"
#include "model/model_priv.h"

#define FIXTURES FR_SOURCE_DIR "/tests/fixtures/models/"

enum { N = 64, VOCAB = 96 };

static char *folder_of_test; /* set once, before the tests */

static char *in_test(const char *name)
{
    return fr_path_join(folder_of_test, name);
}

static void convert_ok(const char *folder, const char *out, fr_format format)
{
    FR_AUTO(fr_converted) c = { 0 };
    fr_err err = { 0 };
    if (fr_convert(folder, out, &(fr_convert_options){ .format = format }, &c, &err) != 0)
        fail_msg("%s (%s)", err.what, err.hint);
}

/* The ids of compare_converted.py, as its text. */
static void forward_all(const fr_model *m, float *out)
{
    FR_AUTOPTR(fr_kv) kv = NULL;
    fr_row rows[N];
    fr_err err = { 0 };
    assert_int_equal(fr_kv_new_in(m, 1, N, FR_FORMAT_F32, &kv, NULL), 0);
    for (size_t i = 0; i < N; i++)
        rows[i] =
            (fr_row){ (int32_t)(3 + (i * i * 7 + i * 13 + 5) % (VOCAB - 3)), 0, (uint32_t)i, true };
    if (fr_model_forward(m, NULL, kv, NULL, rows, N, out, &err) != 0)
        fail_msg("%s", err.what);
}

/* As a share of the range. */
static double largest_difference(const float *want, const float *got, size_t n)
{
    double worst = 0, low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)want[i] - (double)got[i]));
        low = fmin(low, (double)want[i]);
        high = fmax(high, (double)want[i]);
    }
    return worst / (high - low);
}

static double difference_of(const char *name, fr_format format)
{
    static float want[N * VOCAB], got[N * VOCAB];
    char folder[300], golden[320];
    char *out = in_test("model.gguf");
    FR_AUTOPTR(fr_model) m = NULL;
    FR_AUTO(fr_map) map = { 0 };
    fr_err err = { 0 };
    snprintf(folder, sizeof(folder), FIXTURES "%s", name);
    snprintf(golden, sizeof(golden), "%s.f32", folder);
    convert_ok(folder, out, format);
    if (fr_model_open(out, &m, &err) != 0)
        fail_msg("%s (%s)", err.what, err.hint);
    free(out);
    assert_int_equal(fr_map_open(golden, &map, NULL), 0);
    assert_int_equal(map.size_bytes, sizeof(want));
    memcpy(want, map.at, sizeof(want));
    forward_all(m, got);
    return largest_difference(want, got, N * VOCAB);
}

static void converted_models_answer_as_transformers_does(void **state)
{
    (void)state;
    assert_true(difference_of("hf-llama", FR_FORMAT_F32) <= 2e-5);
    assert_true(difference_of("hf-gpt2", FR_FORMAT_F32) <= 2e-5);
    assert_true(difference_of("hf-gpt2", FR_FORMAT_NONE) <= 2e-5); /* F16 as it was saved */
}

/* The texts of compare_converted.py: the decoder has answered the second of the first. */
static void an_encoder_decoder_is_converted_with_its_tokenizer(void **state)
{
    (void)state;
    FR_AUTO(fr_ids) source = { 0 };
    FR_AUTO(fr_ids) ids = { 0 };
    FR_AUTO(fr_map) map = { 0 };
    FR_AUTOPTR(fr_model) m = NULL;
    FR_AUTOPTR(fr_kv) kv = NULL;
    static float want[N * VOCAB], got[N * VOCAB];
    fr_row rows[N];
    fr_err err = { 0 };
    char *out = in_test("t5.gguf");
    convert_ok(FIXTURES "hf-t5", out, FR_FORMAT_NONE);
    if (fr_model_open(out, &m, &err) != 0)
        fail_msg("%s (%s)", err.what, err.hint);
    free(out);
    const fr_tokenizer *t = fr_model_tokenizer(m);
    fr_str text = FR_STR("it is  a truth universally\tacknowledged that");
    assert_int_equal(fr_tokenizer_encode(t, text, FR_ENCODE_BOS, &source, NULL), 0);
    fr_ids_put(&ids, fr_model_decoder_start(m));
    text = FR_STR("fgh a man abc defg wants");
    assert_int_equal(fr_tokenizer_encode(t, text, FR_ENCODE_PLAIN, &ids, NULL), 0);
    assert_int_equal(fr_map_open(FIXTURES "hf-t5.f32", &map, NULL), 0);
    assert_int_equal(map.size_bytes, ids.n * VOCAB * sizeof(float));
    assert_int_equal(fr_kv_new_in(m, 1, N, FR_FORMAT_F32, &kv, NULL), 0);
    assert_int_equal(fr_model_encode(m, kv, NULL, 0, source.at, source.n, NULL), 0);
    for (size_t i = 0; i < ids.n; i++)
        rows[i] = (fr_row){ ids.at[i], 0, (uint32_t)i, true };
    assert_int_equal(fr_model_forward(m, NULL, kv, NULL, rows, ids.n, got, NULL), 0);
    memcpy(want, map.at, map.size_bytes);
    assert_true(largest_difference(want, got, ids.n * VOCAB) <= 5e-5);
}

/* Queries, keys and values are one matrix there, and config.json has names of its own. */
static void an_encoder_is_converted_with_its_words(void **state)
{
    (void)state;
    enum { DIM = 16 };
    FR_AUTO(fr_ids) ids = { 0 };
    FR_AUTO(fr_map) map = { 0 };
    FR_AUTOPTR(fr_model) m = NULL;
    FR_AUTOPTR(fr_kv) kv = NULL;
    static float want[N * DIM], got[N * DIM];
    fr_row rows[N];
    fr_err err = { 0 };
    char *out = in_test("nomic.gguf");
    convert_ok(FIXTURES "hf-nomic", out, FR_FORMAT_NONE);
    if (fr_model_open(out, &m, &err) != 0)
        fail_msg("%s (%s)", err.what, err.hint);
    free(out);
    fr_str text = FR_STR("It is a truth universally acknowledged that a man wants");
    assert_int_equal(fr_tokenizer_encode(fr_model_tokenizer(m), text, FR_ENCODE_BOS, &ids, NULL),
                     0);
    assert_int_equal(fr_map_open(FIXTURES "hf-nomic.f32", &map, NULL), 0);
    assert_in_range(ids.n, 1, N);
    assert_int_equal(map.size_bytes, ids.n * DIM * sizeof(float));
    memcpy(want, map.at, map.size_bytes);
    assert_int_equal(fr_kv_new(m, 1, N, &kv, NULL), 0);
    for (size_t i = 0; i < ids.n; i++)
        rows[i] = (fr_row){ ids.at[i], 0, (uint32_t)i, true };
    assert_int_equal(fr_model_hidden(m, NULL, kv, NULL, rows, ids.n, got, NULL), 0);
    assert_true(largest_difference(want, got, ids.n * DIM) <= 2e-5);
}

static void eight_bits_are_close(void **state)
{
    (void)state;
    double difference = difference_of("hf-llama", FR_FORMAT_Q8_0);
    print_message("Q8_0: %.2g of the range\n", difference);
    assert_true(difference > 1e-5 && difference < 0.1);
}

/* ---- folders made from the fixture with one thing changed -------------------------------------
 */

/* A folder beside the others, its files links to the fixture's. */
static char *copy_of(const char *name, const char *as)
{
    char *to = in_test(as), **names = NULL;
    size_t n = 0;
    char from[300];
    snprintf(from, sizeof(from), FIXTURES "%s", name);
    assert_int_equal(fr_dir_make(to, NULL), 0);
    assert_int_equal(fr_dir_list(from, &names, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        char *target = fr_path_join(from, names[i]), *link = fr_path_join(to, names[i]);
        unlink(link);
        assert_int_equal(symlink(target, link), 0);
        free(target);
        free(link);
    }
    fr_names_free(names, n);
    return to;
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char *path = fr_path_join(folder, name);
    unlink(path);
    assert_int_equal(fr_file_write(path, fr_str_of(text), NULL), 0);
    free(path);
}

static void set_config(const char *folder, const char *key, json_t *value)
{
    json_t *config = NULL;
    assert_int_equal(fr_hf_json(folder, "config.json", &config, NULL), 0);
    json_object_set_new(config, key, value);
    char *text = json_dumps(config, 0);
    put_file(folder, "config.json", text);
    free(text);
    json_decref(config);
}

/* Nothing is written, and the error says so. */
static void refused(const char *folder, int code, const char *says)
{
    FR_AUTO(fr_converted) c = { 0 };
    fr_err err = { 0 };
    char *out = in_test("none.gguf");
    assert_int_equal(fr_convert(folder, out, &(fr_convert_options){ 0 }, &c, &err), code);
    if (strstr(err.what, says) == NULL)
        fail_msg("'%s' does not say '%s'", err.what, says);
    assert_false(fr_file_exists(out));
    free(out);
}

static void settings_that_change_answers_are_refused_by_name(void **state)
{
    (void)state;
    const struct {
        const char *model, *key, *value, *says;
    } CASES[] = {
        { "hf-llama", "model_type", "\"mamba\"", "of type 'mamba'" },
        { "hf-llama", "hidden_act", "\"relu\"", "activation 'relu'" },
        { "hf-llama", "quantization_config", "{\"quant_method\":\"gptq\"}", "gptq" },
        { "hf-llama", "rope_parameters", "{\"rope_type\":\"spiral\"}", "spiral" },
        { "hf-llama", "rope_parameters",
          "{\"rope_type\":\"default\",\"partial_rotary_factor\":0.5}", "partial_rotary_factor" },
        { "hf-gpt2", "scale_attn_by_inverse_layer_idx", "true", "scale_attn_by_inverse_layer_idx" },
        { "hf-gpt2", "scale_attn_weights", "false", "scale_attn_weights" },
        { "hf-nomic", "prenorm", "true", "prenorm" },
        { "hf-nomic", "rotary_emb_interleaved", "true", "rotary_emb_interleaved" },
        { "hf-t5", "feed_forward_proj", "\"gated-silu\"", "gated-silu" },
        { "hf-t5", "relative_attention_max_distance", "64", "relative_attention_max_distance" },
        { "hf-t5", "scale_decoder_outputs", "true", "lm_head.weight" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        char *folder = copy_of(CASES[i].model, CASES[i].model);
        set_config(folder, CASES[i].key, json_loads(CASES[i].value, JSON_DECODE_ANY, NULL));
        refused(folder, FR_E_UNSUPPORTED, CASES[i].says);
        free(folder);
    }
}

static void a_config_that_does_not_fit_the_weights_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *key, *value, *says;
    } CASES[] = {
        { "hidden_size", "64", "config.json asks for" },
        { "hidden_size", "-1", "'hidden_size" },
        { "num_hidden_layers", "3", "lacks the tensor 'model.layers.2." },
        { "num_hidden_layers", "1", "'model.layers.1." },
        { "num_attention_heads", "0", "num_attention_heads" },
        { "num_key_value_heads", "3", "heads" },
        { "rms_norm_eps", "\"small\"", "rms_norm_eps" },
        { "head_dim", "9", "9" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        FR_AUTO(fr_converted) c = { 0 };
        fr_err err = { 0 };
        char *folder = copy_of("hf-llama", "misfit"), *out = in_test("none.gguf");
        set_config(folder, CASES[i].key, json_loads(CASES[i].value, JSON_DECODE_ANY, NULL));
        assert_int_not_equal(fr_convert(folder, out, &(fr_convert_options){ 0 }, &c, &err), 0);
        if (strstr(err.what, CASES[i].says) == NULL)
            fail_msg("%s: '%s' does not say '%s'", CASES[i].key, err.what, CASES[i].says);
        assert_false(fr_file_exists(out));
        free(out);
        free(folder);
    }
}

static void shards_stay_in_their_folder_and_are_all_there(void **state)
{
    (void)state;
    char *folder = copy_of("hf-llama", "shards");
    put_file(folder, "model.safetensors.index.json",
             "{\"weight_map\":{\"a\":\"../hf-llama/model-00001-of-00002.safetensors\"}}");
    refused(folder, FR_E_FORMAT, "the index names the file");
    put_file(folder, "model.safetensors.index.json",
             "{\"weight_map\":{\"model.no.weight\":\"model-00001-of-00002.safetensors\"}}");
    refused(folder, FR_E_FORMAT, "'model.no.weight'");
    put_file(folder, "model.safetensors.index.json", "{\"weight_map\":");
    refused(folder, FR_E_FORMAT, "model.safetensors.index.json:1:");
    put_file(folder, "model.safetensors.index.json",
             "{\"weight_map\":{\"a\":\"model-00003-of-00002.safetensors\"}}");
    refused(folder, FR_E_NOT_FOUND, "model-00003-of-00002.safetensors");
    free(folder);
}

static void a_tokenizer_of_another_model_is_refused(void **state)
{
    (void)state;
    char *folder = copy_of("hf-llama", "tokens");
    put_file(folder, "tokenizer.json",
             "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":"
             "{\"a\":0,\"b\":97},\"merges\":[]}}");
    refused(folder, FR_E_FORMAT, "but the embedding has 96 rows");
    char *path = fr_path_join(folder, "tokenizer.json");
    unlink(path);
    free(path);
    refused(folder, FR_E_NOT_FOUND, "neither tokenizer.json nor tokenizer.model");
    free(folder);
}

int main(void)
{
    char name[] = "/tmp/convert_test.XXXXXX";
    folder_of_test = mkdtemp(name);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converted_models_answer_as_transformers_does),
        cmocka_unit_test(an_encoder_decoder_is_converted_with_its_tokenizer),
        cmocka_unit_test(an_encoder_is_converted_with_its_words),
        cmocka_unit_test(eight_bits_are_close),
        cmocka_unit_test(settings_that_change_answers_are_refused_by_name),
        cmocka_unit_test(a_config_that_does_not_fit_the_weights_is_refused),
        cmocka_unit_test(shards_stay_in_their_folder_and_are_all_there),
        cmocka_unit_test(a_tokenizer_of_another_model_is_refused),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf '%s'", name);
    return system(command) == 0 ? rc : 1;
}
