#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/mem.h"
#include "train/loop.h"

/* ---- GGUF --------------------------------------------------------------------------------------
 */

static void put_shape(fr_gguf_out *o, const fr_shape *s)
{
    const struct {
        const char *key;
        size_t value;
    } sizes[] = {
        { "context_length", s->context },        { "embedding_length", s->dim },
        { "block_count", s->n_layers },          { "feed_forward_length", s->ffn_dim },
        { "attention.head_count", s->n_heads },  { "attention.head_count_kv", s->n_kv_heads },
        { "attention.key_length", s->head_dim }, { "attention.value_length", s->head_dim },
        { "rope.dimension_count", s->rope_dim }, { "vocab_size", s->n_vocab },
    };
    char key[96];
    for (size_t i = 0; i < FR_COUNT_OF(sizes); i++) {
        snprintf(key, sizeof(key), "%s.%s", s->architecture, sizes[i].key);
        fr_gguf_put_u32(o, key, (uint32_t)sizes[i].value);
    }
    const bool rms = fr_arch_find(s->architecture)->norm == FR_NORM_RMS;
    snprintf(key, sizeof(key), "%s.attention.layer_norm_%sepsilon", s->architecture,
             rms ? "rms_" : "");
    fr_gguf_put_f32(o, key, s->norm_eps);
    snprintf(key, sizeof(key), "%s.rope.freq_base", s->architecture);
    fr_gguf_put_f32(o, key, s->rope_theta);
}

static void put_vocab(fr_gguf_out *o, const fr_vocab *v)
{
    fr_gguf_put_str(o, "tokenizer.ggml.model", FR_STR("gpt2"));
    fr_gguf_put_str(o, "tokenizer.ggml.pre", fr_str_of(v->pre != NULL ? v->pre : "gpt-2"));
    fr_gguf_put_strs(o, "tokenizer.ggml.tokens", v->tokens, v->n);
    int32_t *types = FR_NEW_N(int32_t, v->n);
    for (size_t i = 0; i < v->n; i++)
        types[i] = v->types != NULL ? v->types[i] : FR_TOKEN_NORMAL;
    fr_gguf_put_i32s(o, "tokenizer.ggml.token_type", types, v->n);
    free(types);
    fr_gguf_put_strs(o, "tokenizer.ggml.merges", v->merges, v->n_merges);
    if (v->bos >= 0)
        fr_gguf_put_u32(o, "tokenizer.ggml.bos_token_id", (uint32_t)v->bos);
    if (v->eos >= 0)
        fr_gguf_put_u32(o, "tokenizer.ggml.eos_token_id", (uint32_t)v->eos);
    fr_gguf_put_bool(o, "tokenizer.ggml.add_bos_token", v->add_bos);
    fr_gguf_put_bool(o, "tokenizer.ggml.add_eos_token", v->add_eos);
}

static void put_metadata(fr_gguf_out *o, const fr_weights *w, const fr_save_options *options)
{
    fr_gguf_put_str(o, "general.architecture", fr_str_of(w->shape.architecture));
    if (options->name != NULL)
        fr_gguf_put_str(o, "general.name", fr_str_of(options->name));
    if (options->license != NULL)
        fr_gguf_put_str(o, "general.license", fr_str_of(options->license));
    if (options->description != NULL)
        fr_gguf_put_str(o, "general.description", fr_str_of(options->description));
    const fr_format_row *format = fr_format_find(options->format);
    fr_gguf_put_u32(o, "general.file_type", format != NULL ? format->file_type : 0);
    fr_gguf_put_u32(o, "general.quantization_version", 2);
    if (options->base == NULL || w->frequencies == NULL) /* else the base's own keys say more */
        put_shape(o, &w->shape);
    if (options->vocab != NULL)
        put_vocab(o, options->vocab);
    if (options->base != NULL)
        fr_gguf_put_all(o, options->base);
}

/* Factors of rotary positions, which are not trained but belong to the model. */
static void put_positions(fr_gguf_out *o, const fr_gguf *base)
{
    static const char *const NAMES[] = { "rope_freqs.weight", "rope_factors_long.weight",
                                         "rope_factors_short.weight" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        const fr_tensor *t = fr_gguf_tensor(base, NAMES[i]);
        if (t != NULL)
            fr_gguf_put_tensor(o, NAMES[i], t->format, t->dims, t->n_dims, t->data);
    }
}

/* One tensor of the file; of several slots that share it, the first one's call writes all of it.
 * Returns what must live until the file is written; NULL: a part that is written already. */
static void *put_param(fr_gguf_out *o, const fr_weights *w, const fr_param *p, fr_format wanted)
{
    const fr_slot_row *slot = p->slot;
    if (slot->first != FR_DIM_NONE)
        return NULL;
    const bool vector = slot->rows == FR_DIM_ONE;
    const size_t parts = slot->of != FR_DIM_NONE ? fr_shape_dim(&w->shape, slot->of)
                         : vector                ? p->cols
                                                 : p->rows;
    const size_t cols = vector ? parts : p->cols, rows = vector ? 1 : parts, n = rows * cols;
    float *whole = slot->of != FR_DIM_NONE ? FR_NEW_N(float, n) : p->w;
    char name[FR_TENSOR_NAME], other[FR_TENSOR_NAME];
    fr_slot_gguf_name(slot, p->layer, name);
    for (size_t i = 0; slot->of != FR_DIM_NONE && i < w->n_params; i++) {
        const fr_param *part = &w->params[i];
        fr_slot_gguf_name(part->slot, part->layer, other);
        if (strcmp(name, other) == 0)
            memcpy(whole + fr_shape_dim(&w->shape, part->slot->first) * (vector ? 1 : cols),
                   part->w, part->n * sizeof(float));
    }
    const fr_format_row *format = fr_format_find(wanted);
    if (vector || format == NULL || cols % format->block_values != 0)
        format = fr_format_find(FR_FORMAT_F32);
    void *kept = FR_NEW_N(char, n / format->block_values * format->block_bytes);
    format->from_f32(whole, kept, n);
    const size_t experts = slot->experts ? w->shape.n_experts : 1;
    const uint64_t dims[3] = { cols, rows / experts, experts };
    fr_gguf_put_tensor(o, name, format->format, dims, vector ? 1 : slot->experts ? 3 : 2, kept);
    if (whole != p->w)
        free(whole);
    return kept;
}

int fr_save_gguf(const fr_weights *w, const fr_save_options *options, const char *path, fr_err *err)
{
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    put_metadata(o, w, options);
    void **kept = FR_NEW_N(void *, w->n_params); /* converted tensors, until they are written */
    for (size_t i = 0; i < w->n_params; i++)
        kept[i] = put_param(o, w, &w->params[i], options->format);
    if (options->base != NULL && w->frequencies != NULL) /* the base's own positions were used */
        put_positions(o, options->base);
    const int rc = fr_gguf_write(o, path, err);
    for (size_t i = 0; i < w->n_params; i++)
        free(kept[i]);
    free(kept);
    return rc;
}

/* ---- PEFT --------------------------------------------------------------------------------------
 */

/*
 * adapter_model.safetensors: 8 bytes of little-endian length, a JSON header that names each
 * tensor's type, shape and place, then the numbers (github.com/huggingface/safetensors).
 */
typedef struct {
    const fr_lora_param *lora;
    const fr_param *half;
    bool is_b;
} peft_tensor;

static void peft_name(const peft_tensor *t, char out[2 * FR_TENSOR_NAME])
{
    char name[FR_TENSOR_NAME];
    fr_slot_hf_name(t->half->slot, t->half->layer, name);
    char *end = strstr(name, ".weight");
    if (end != NULL)
        *end = '\0';
    snprintf(out, 2 * FR_TENSOR_NAME, "base_model.model.%s.lora_%c.weight", name,
             t->is_b ? 'B' : 'A');
}

static char *safetensors_header(const peft_tensor *tensors, size_t n)
{
    json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        char name[2 * FR_TENSOR_NAME];
        peft_name(&tensors[i], name);
        const size_t bytes = tensors[i].half->n * sizeof(float);
        json_object_set_new(header, name,
                            json_pack("{s:s, s:[I, I], s:[I, I]}", "dtype", "F32", "shape",
                                      (json_int_t)tensors[i].half->rows,
                                      (json_int_t)tensors[i].half->cols, "data_offsets",
                                      (json_int_t)at, (json_int_t)(at + bytes)));
        at += bytes;
    }
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    return text;
}

/* Rows of b in Hugging Face's order. */
static void to_hf_rows(const fr_weights *w, const fr_param *b, float *out)
{
    for (size_t r = 0; r < b->rows; r++)
        memcpy(out + fr_slot_hf_row(w->arch, &w->shape, b->slot->slot, r) * b->cols,
               b->w + r * b->cols, b->cols * sizeof(float));
}

static int put_tensors(const fr_weights *w, const peft_tensor *tensors, size_t n, const char *path,
                       fr_err *err)
{
    FR_AUTO(fr_file_out) out = { 0 };
    FR_TRY(fr_file_out_open(&out, path, err));
    char *header = safetensors_header(tensors, n);
    const size_t length = strlen(header), padding = (8 - length % 8) % 8;
    uint8_t size[8];
    for (int i = 0; i < 8; i++)
        size[i] = (uint8_t)((uint64_t)(length + padding) >> (8 * i));
    int rc = fr_file_out_put(&out, size, 8, err);
    if (rc == 0)
        rc = fr_file_out_put(&out, header, length, err);
    if (rc == 0)
        rc = fr_file_out_put(&out, "       ", padding, err);
    free(header);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const fr_param *p = tensors[i].half;
        float *rows = FR_NEW_N(float, p->n);
        if (tensors[i].is_b)
            to_hf_rows(w, p, rows);
        else
            memcpy(rows, p->w, p->n * sizeof(float));
        rc = fr_file_out_put(&out, rows, p->n * sizeof(float), err);
        free(rows);
    }
    return rc != 0 ? rc : fr_file_out_commit(&out, err);
}

static int put_config(const fr_weights *w, const char *base, const char *path, fr_err *err)
{
    json_t *modules = json_array();
    for (size_t i = 0; i < w->arch->n_slots; i++) {
        if (!w->arch->slots[i].adaptable)
            continue;
        char name[FR_TENSOR_NAME];
        fr_slot_hf_name(&w->arch->slots[i], 0, name);
        *strstr(name, ".weight") = '\0';
        json_array_append_new(modules, json_string(strrchr(name, '.') + 1));
    }
    json_t *config = json_pack(
        "{s:s, s:s, s:s, s:i, s:f, s:f, s:s, s:b, s:b, s:o}", "peft_type", "LORA", "task_type",
        "CAUSAL_LM", "base_model_name_or_path", base, "r", (int)w->rank, "lora_alpha",
        (double)w->lora_scale * (double)w->rank, "lora_dropout", 0.0, "bias", "none",
        "fan_in_fan_out", 0, "inference_mode", 1, "target_modules", modules);
    char *text = json_dumps(config, JSON_INDENT(2));
    json_decref(config);
    const int rc = fr_file_write(path, fr_str_of(text), err);
    free(text);
    return rc;
}

int fr_save_peft(const fr_weights *w, const char *base, const char *dir, fr_err *err)
{
    FR_TRY(fr_dir_make(dir, err));
    peft_tensor *tensors = FR_NEW_N(peft_tensor, 2 * w->n_params);
    size_t n = 0;
    for (size_t i = 0; i < w->n_params; i++)
        if (w->lora[i].b.w != NULL) {
            tensors[n++] = (peft_tensor){ &w->lora[i], &w->lora[i].a, false };
            tensors[n++] = (peft_tensor){ &w->lora[i], &w->lora[i].b, true };
        }
    char *config = fr_path_join(dir, "adapter_config.json");
    char *model = fr_path_join(dir, "adapter_model.safetensors");
    int rc = put_tensors(w, tensors, n, model, err);
    if (rc == 0)
        rc = put_config(w, base, config, err);
    free(config);
    free(model);
    free(tensors);
    return rc;
}
