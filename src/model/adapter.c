/* adapter.c: LoRA adapters, from a PEFT folder (adapter_config.json and adapter_model.safetensors)
 * or a GGUF file (general.type "adapter"). Factors are kept in f32: they are small. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/model_priv.h"
#include "model/safetensors.h"

enum { CONFIG_BYTES_MOST = 1 << 20, RANK_MOST = 4096 };

static const char HINT_FIT[] = "The adapter was made for another model.";

static bool is_factor(const fr_tensor *t, uint64_t rows, uint64_t cols)
{
    return t->dims[0] == cols && t->dims[1] == rows && t->dims[2] == 1 && t->dims[3] == 1;
}

/* A factor in f32, owned. */
static int expand(const char *path, const fr_tensor *t, float **values, fr_err *err)
{
    const fr_format_row *format = fr_format_find(t->format);
    if (format == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, FR_FORMAT_HINT,
                       "'%s': tensor '%.*s' has an unsupported number format", path,
                       FR_STR_F(t->name));
    size_t n = (size_t)(t->dims[0] * t->dims[1]);
    *values = FR_NEW_N(float, n);
    format->to_f32(t->data, *values, n);
    return 0;
}

/* hf: rows of b stand in Hugging Face's order and go to GGUF's. alpha is divided by `divisor`,
 * which is the rank, or its root. */
static int add_part(fr_adapter *a, const char *path, const fr_slot_row *slot, size_t layer,
                    const fr_tensor *ta, const fr_tensor *tb, bool hf, double alpha, bool root,
                    fr_err *err)
{
    const fr_shape *s = &a->model->shape;
    size_t rows = fr_shape_dim(s, slot->rows), cols = fr_shape_dim(s, slot->cols);
    size_t rank = (size_t)ta->dims[1];
    if (rank > RANK_MOST || !is_factor(ta, rank, cols) || !is_factor(tb, rows, rank))
        return fr_fail(err, FR_E_FORMAT, HINT_FIT,
                       "'%s': '%.*s' is %llu × %llu, for a matrix of %zu × %zu", path,
                       FR_STR_F(ta->name), (unsigned long long)ta->dims[1],
                       (unsigned long long)ta->dims[0], rows, cols);
    adapter_part *part = &a->parts[layer * FR_SLOT_COUNT + slot->slot];
    float *b = NULL;
    FR_TRY(expand(path, ta, &part->a_values, err));
    FR_TRY(expand(path, tb, &b, err));
    part->b_values = b;
    if (hf) {
        part->b_values = FR_NEW_N(float, rows *rank);
        for (size_t r = 0; r < rows; r++)
            memcpy(part->b_values + r * rank,
                   b + fr_slot_hf_row(a->model->arch, s, slot->slot, r) * rank,
                   rank * sizeof(float));
        free(b);
    }
    FR_TRY(fr_packed_new(FR_FORMAT_F32, part->a_values, rank, cols, &part->a, err));
    FR_TRY(fr_packed_new(FR_FORMAT_F32, part->b_values, rows, rank, &part->b, err));
    part->rank = rank;
    part->scale = (float)(alpha / (root ? sqrt((double)rank) : (double)rank));
    a->rank_most = FR_MAX(a->rank_most, rank);
    return 0;
}

/* Both factors or neither. */
static int check_pair(const char *path, const char *name, const fr_tensor *ta, const fr_tensor *tb,
                      fr_err *err)
{
    if ((ta == NULL) == (tb == NULL))
        return 0;
    return fr_fail(err, FR_E_FORMAT, "The file is damaged or cut short.",
                   "'%s' has only one of the two factors of '%s'", path, name);
}

/* Every tensor of the file must have found its place. */
static int check_all_used(const char *path, size_t n_tensors, size_t n_used, fr_err *err)
{
    if (n_used == 0)
        return fr_fail(err, FR_E_FORMAT, HINT_FIT, "'%s' has no factor for any weight of the model",
                       path);
    if (n_used != n_tensors)
        return fr_fail(err, FR_E_UNSUPPORTED,
                       "Supported are LoRA factors of the attention and MLP projections.",
                       "'%s' has %zu tensors, of which only %zu belong to projections of the model",
                       path, n_tensors, n_used);
    return 0;
}

typedef const fr_tensor *(*find_fn)(const void *file, const fr_slot_row *slot, size_t layer,
                                    bool is_b);

static int add_parts(fr_adapter *a, const char *path, const void *file, find_fn find, bool hf,
                     double alpha, bool root, size_t n_tensors, fr_err *err)
{
    const fr_arch *arch = a->model->arch;
    size_t used = 0;
    for (size_t i = 0; i < arch->n_slots; i++)
        for (size_t l = 0; arch->slots[i].adaptable && l < a->model->shape.n_layers; l++) {
            char name[FR_TENSOR_NAME];
            fr_slot_gguf_name(&arch->slots[i], l, name);
            const fr_tensor *ta = find(file, &arch->slots[i], l, false);
            const fr_tensor *tb = find(file, &arch->slots[i], l, true);
            FR_TRY(check_pair(path, name, ta, tb, err));
            if (ta == NULL)
                continue;
            FR_TRY(add_part(a, path, &arch->slots[i], l, ta, tb, hf, alpha, root, err));
            used += 2;
        }
    return check_all_used(path, n_tensors, used, err);
}

/* ---- PEFT --------------------------------------------------------------------------------------
 */

static const fr_tensor *find_in_peft(const void *file, const fr_slot_row *slot, size_t layer,
                                     bool is_b)
{
    char name[FR_TENSOR_NAME];
    fr_slot_hf_name(slot, layer, name);
    char *end = strstr(name, ".weight");
    if (end != NULL)
        *end = '\0';
    char *full = fr_dup_f("base_model.model.%s.lora_%c.weight", name, is_b ? 'B' : 'A');
    const fr_tensor *t = fr_safetensors_find(file, full);
    free(full);
    return t;
}

typedef struct {
    double alpha;
    bool root; /* rank-stabilized: alpha / sqrt(rank) */
} peft_config;

static int read_config(json_t *json, const char *path, peft_config *out, fr_err *err)
{
    const char *type = json_string_value(json_object_get(json, "peft_type"));
    const char *bias = json_string_value(json_object_get(json, "bias"));
    const json_t *alpha = json_object_get(json, "lora_alpha");
    if (type == NULL || strcmp(type, "LORA") != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Only LoRA adapters are applied.",
                       "'%s': peft_type '%s' is not supported", path, type != NULL ? type : "");
    if (!json_is_number(alpha) || !(json_number_value(alpha) > 0))
        return fr_fail(err, FR_E_FORMAT, NULL, "'%s': lora_alpha is missing or not positive", path);
    static const char *const CHANGES[] = { "use_dora", "fan_in_fan_out", "lora_bias" };
    for (size_t i = 0; i < FR_COUNT_OF(CHANGES); i++)
        if (json_is_true(json_object_get(json, CHANGES[i])))
            return fr_fail(err, FR_E_UNSUPPORTED, "Merge the adapter into its model.",
                           "'%s': '%s' is not supported", path, CHANGES[i]);
    static const char *const PATTERNS[] = { "alpha_pattern", "modules_to_save" };
    for (size_t i = 0; i < FR_COUNT_OF(PATTERNS); i++) {
        const json_t *value = json_object_get(json, PATTERNS[i]);
        if (json_object_size(value) > 0 || json_array_size(value) > 0)
            return fr_fail(err, FR_E_UNSUPPORTED, "Merge the adapter into its model.",
                           "'%s': '%s' is not supported", path, PATTERNS[i]);
    }
    if (bias != NULL && strcmp(bias, "none") != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Merge the adapter into its model.",
                       "'%s': trained biases are not supported", path);
    out->alpha = json_number_value(alpha);
    out->root = json_is_true(json_object_get(json, "use_rslora"));
    return 0;
}

static int load_config(const char *path, peft_config *out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    json_error_t where;
    FR_TRY(fr_file_read(path, CONFIG_BYTES_MOST, &text, err));
    json_t *json = json_loadb(text.at != NULL ? text.at : "", text.n, 0, &where);
    int rc = json_is_object(json)
                 ? read_config(json, path, out, err)
                 : fr_fail(err, FR_E_FORMAT, NULL, "'%s':%d: not a JSON object: %s", path,
                           where.line, where.text);
    json_decref(json);
    return rc;
}

static int open_peft(fr_adapter *a, const char *dir, fr_err *err)
{
    peft_config config = { 0 };
    FR_AUTOPTR(fr_safetensors) file = NULL;
    char *config_path = fr_path_join(dir, "adapter_config.json");
    char *path = fr_path_join(dir, "adapter_model.safetensors");
    int rc = load_config(config_path, &config, err);
    if (rc == 0)
        rc = fr_safetensors_open(path, &file, err);
    if (rc == 0)
        rc = add_parts(a, path, file, find_in_peft, true, config.alpha, config.root,
                       fr_safetensors_n(file), err);
    free(config_path);
    free(path);
    return rc;
}

/* ---- GGUF --------------------------------------------------------------------------------------
 */

static const fr_tensor *find_in_gguf(const void *file, const fr_slot_row *slot, size_t layer,
                                     bool is_b)
{
    char name[FR_TENSOR_NAME];
    fr_slot_gguf_name(slot, layer, name);
    char *full = fr_dup_f("%s.lora_%c", name, is_b ? 'b' : 'a');
    const fr_tensor *t = fr_gguf_tensor(file, full);
    free(full);
    return t;
}

static int open_gguf(fr_adapter *a, const char *path, fr_err *err)
{
    FR_AUTOPTR(fr_gguf) file = NULL;
    fr_str type, kind;
    double alpha;
    FR_TRY(fr_gguf_open(path, &file, err));
    if (!fr_gguf_get_str(file, "general.type", &type) || !fr_str_is(type, "adapter") ||
        !fr_gguf_get_str(file, "adapter.type", &kind) || !fr_str_is(kind, "lora"))
        return fr_fail(err, FR_E_FORMAT, "Name a PEFT folder or a GGUF LoRA file.",
                       "'%s' is not a LoRA adapter", path);
    if (!fr_gguf_get_f64(file, "adapter.lora.alpha", &alpha) || !(alpha > 0))
        return fr_fail(err, FR_E_FORMAT, NULL,
                       "'%s': adapter.lora.alpha is missing or not positive", path);
    return add_parts(a, path, file, find_in_gguf, false, alpha, false, fr_gguf_n_tensors(file),
                     err);
}

int fr_adapter_open(const fr_model *m, const char *path, fr_adapter **out, fr_err *err)
{
    fr_adapter *a = FR_NEW(fr_adapter);
    a->model = m;
    a->parts = FR_NEW_N(adapter_part, m->shape.n_layers * FR_SLOT_COUNT);
    int rc = fr_dir_exists(path) ? open_peft(a, path, err) : open_gguf(a, path, err);
    if (rc != 0)
        fr_adapter_free(a);
    else
        *out = a;
    return rc;
}

void fr_adapter_free(fr_adapter *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->model->shape.n_layers * FR_SLOT_COUNT; i++) {
        fr_packed_free(a->parts[i].a);
        fr_packed_free(a->parts[i].b);
        free(a->parts[i].a_values);
        free(a->parts[i].b_values);
    }
    free(a->parts);
    free(a);
}
