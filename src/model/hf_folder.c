/* hf_folder.c: opens config.json and the safetensors beside it. */
#include "model/hf_folder.h"
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/safetensors.h"

enum { JSON_MOST_BYTES = 256 << 20, FILES_MOST = 4096 };

struct fr_hf_folder {
    char *path;
    json_t *config;
    fr_safetensors **files; /* [n_files] */
    char **names;           /* [n_files] of the files, in the folder */
    size_t n_files, files_cap;
    const fr_tensor **tensors; /* [n_tensors] of all files, by name */
    size_t n_tensors;
};

/* Integers of more than 18 digits, which some files have where they mean "no limit"
 * (model_max_length), become the largest of 18. */
static void cut_long_numbers(char *text, size_t n)
{
    bool quoted = false;
    for (size_t i = 0, run; i < n; i += run + 1) {
        run = 0;
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        while (!quoted && i + run < n && text[i + run] >= '0' && text[i + run] <= '9')
            run++;
        if (run > 18 && (i + run == n || strchr(".eE", text[i + run]) == NULL)) {
            memset(text + i, '9', 18);
            memset(text + i + 18, ' ', run - 18);
        }
        run = run > 0 ? run - 1 : 0;
    }
}

int fr_hf_json(const char *folder, const char *name, json_t **out, fr_err *err)
{
    char *path = fr_path_join(folder, name);
    FR_AUTO(fr_buf) text = { .limit_bytes = JSON_MOST_BYTES };
    json_error_t where = { .text = "it is empty" };
    int rc = 0;
    *out = NULL;
    if (fr_file_exists(path)) {
        rc = fr_file_read(path, JSON_MOST_BYTES, &text, err);
        if (rc == 0 && text.n > 0) {
            cut_long_numbers(text.at, text.n);
            *out = json_loadb(text.at, text.n, JSON_ALLOW_NUL, &where);
        }
        if (rc == 0 && !json_is_object(*out)) {
            rc = *out == NULL
                     ? fr_fail(err, FR_E_FORMAT, "The file is damaged: fetch it again.",
                               "'%s:%d:%d': %s", path, where.line, where.column, where.text)
                     : fr_fail(err, FR_E_FORMAT, NULL, "'%s' is not a JSON object", path);
            json_decref(*out);
            *out = NULL;
        }
    }
    free(path);
    return rc;
}

/* A shard's name is a plain one. */
static int add_file(fr_hf_folder *f, const char *name, fr_err *err)
{
    for (size_t i = 0; i < f->n_files; i++)
        if (strcmp(f->names[i], name) == 0)
            return 0;
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
        return fr_fail(err, FR_E_FORMAT, "Shards lie in the model's folder.",
                       "'%s': the index names the file '%.80s'", f->path, name);
    if (f->n_files >= FILES_MOST)
        return fr_fail(err, FR_E_LIMIT, NULL, "'%s' has more than %d shards", f->path, FILES_MOST);
    if (f->n_files >= f->files_cap) {
        f->files_cap = f->files_cap != 0 ? f->files_cap * 2 : 8;
        f->files = fr_array_resize(f->files, f->files_cap, sizeof(*f->files));
        f->names = fr_array_resize(f->names, f->files_cap, sizeof(*f->names));
    }
    char *path = fr_path_join(f->path, name);
    int rc = fr_safetensors_open(path, &f->files[f->n_files], err);
    free(path);
    if (rc == 0)
        f->names[f->n_files++] = fr_dup(name);
    return rc;
}

static bool has(const fr_hf_folder *f, const char *name)
{
    char *path = fr_path_join(f->path, name);
    bool there = fr_file_exists(path);
    free(path);
    return there;
}

/* Whether a shard of that name has the tensor. */
static bool is_in_shard(const fr_hf_folder *f, const char *shard, const char *tensor)
{
    for (size_t i = 0; i < f->n_files; i++)
        if (strcmp(f->names[i], shard) == 0)
            return fr_safetensors_find(f->files[i], tensor) != NULL;
    return false;
}

static int open_shards(fr_hf_folder *f, const json_t *index, fr_err *err)
{
    json_t *map = json_object_get(index, "weight_map"), *value;
    const char *name;
    if (!json_is_object(map) || json_object_size(map) == 0)
        return fr_fail(err, FR_E_FORMAT, NULL,
                       "'%s/model.safetensors.index.json' has no 'weight_map'", f->path);
    json_object_foreach(map, name, value)
    {
        if (!json_is_string(value))
            return fr_fail(err, FR_E_FORMAT, NULL,
                           "'%s/model.safetensors.index.json': '%.80s' is in no file", f->path,
                           name);
        FR_TRY(add_file(f, json_string_value(value), err));
    }
    json_object_foreach(map, name, value)
    {
        if (!is_in_shard(f, json_string_value(value), name))
            return fr_fail(err, FR_E_FORMAT, "A shard is missing, or of another model.",
                           "'%s': the index says that '%.80s' has the tensor '%.80s', but it is "
                           "not there",
                           f->path, json_string_value(value), name);
    }
    return 0;
}

static int open_weights(fr_hf_folder *f, fr_err *err)
{
    json_t *index = NULL;
    FR_TRY(fr_hf_json(f->path, "model.safetensors.index.json", &index, err));
    if (index != NULL) {
        int rc = open_shards(f, index, err);
        json_decref(index);
        return rc;
    }
    if (has(f, "model.safetensors"))
        return add_file(f, "model.safetensors", err);
    return fr_fail(err, FR_E_NOT_FOUND,
                   has(f, "pytorch_model.bin") || has(f, "pytorch_model.bin.index.json")
                       ? "Its weights are pickled, which is code: save them as safetensors first "
                         "(transformers: save_pretrained)."
                       : "A model's folder has config.json and model.safetensors, or shards and "
                         "model.safetensors.index.json.",
                   "'%s' has no model.safetensors", f->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const fr_tensor *const *)a)->name.at, (*(const fr_tensor *const *)b)->name.at);
}

static int collect(fr_hf_folder *f, fr_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n_files; i++)
        n += fr_safetensors_n(f->files[i]);
    f->tensors = FR_NEW_N(const fr_tensor *, n);
    for (size_t i = 0; i < f->n_files; i++)
        for (size_t k = 0; k < fr_safetensors_n(f->files[i]); k++)
            f->tensors[f->n_tensors++] = fr_safetensors_at(f->files[i], k);
    fr_sort(f->tensors, n, sizeof(*f->tensors), by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(f->tensors[i - 1]->name.at, f->tensors[i]->name.at) == 0)
            return fr_fail(err, FR_E_FORMAT, NULL, "'%s': two shards have the tensor '%.80s'",
                           f->path, f->tensors[i]->name.at);
    return 0;
}

static int open_folder(fr_hf_folder *f, fr_err *err)
{
    if (!fr_dir_exists(f->path))
        return fr_fail(err, FR_E_NOT_FOUND, "It takes a folder with config.json and safetensors.",
                       "'%s' is no folder", f->path);
    FR_TRY(fr_hf_json(f->path, "config.json", &f->config, err));
    if (f->config == NULL)
        return fr_fail(err, FR_E_NOT_FOUND,
                       "A model's folder has config.json, safetensors and tokenizer.json.",
                       "'%s' has no config.json", f->path);
    FR_TRY(open_weights(f, err));
    return collect(f, err);
}

int fr_hf_folder_open(const char *path, fr_hf_folder **out, fr_err *err)
{
    fr_hf_folder *f = FR_NEW(fr_hf_folder);
    f->path = fr_dup(path);
    int rc = open_folder(f, err);
    if (rc != 0)
        fr_hf_folder_free(f);
    else
        *out = f;
    return rc;
}

void fr_hf_folder_free(fr_hf_folder *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->n_files; i++) {
        fr_safetensors_free(f->files[i]);
        free(f->names[i]);
    }
    free(f->files);
    free(f->names);
    free(f->tensors);
    json_decref(f->config);
    free(f->path);
    free(f);
}

const char *fr_hf_path(const fr_hf_folder *f)
{
    return f->path;
}

const json_t *fr_hf_config_whole(const fr_hf_folder *f)
{
    return f->config;
}

const json_t *fr_hf_config(const fr_hf_folder *f)
{
    const json_t *text = json_object_get(f->config, "text_config");
    return json_is_object(text) ? text : f->config;
}

size_t fr_hf_n_tensors(const fr_hf_folder *f)
{
    return f->n_tensors;
}

size_t fr_hf_n_files(const fr_hf_folder *f)
{
    return f->n_files;
}

const fr_tensor *fr_hf_tensor_at(const fr_hf_folder *f, size_t i)
{
    return i < f->n_tensors ? f->tensors[i] : NULL;
}

static const fr_tensor **find(const fr_hf_folder *f, const char *name)
{
    fr_tensor wanted = { .name = fr_str_of(name) };
    const fr_tensor *key = &wanted;
    return f->n_tensors == 0
               ? NULL
               : bsearch(&key, f->tensors, f->n_tensors, sizeof(*f->tensors), by_name);
}

const fr_tensor *fr_hf_tensor(const fr_hf_folder *f, const char *name)
{
    const fr_tensor **at = find(f, name);
    return at != NULL ? *at : NULL;
}

size_t fr_hf_tensor_index(const fr_hf_folder *f, const fr_tensor *t)
{
    return (size_t)(find(f, t->name.at) - f->tensors);
}
