/**
 * model/hf_folder.h: a model folder as Hugging Face's libraries write it: config.json and weights
 * in safetensors, in one file or in shards that model.safetensors.index.json names.
 *
 *     FR_TRY(fr_hf_folder_open("Llama-3.2-1B", &folder, err));
 *     const fr_tensor *t = fr_hf_tensor(folder, "model.norm.weight");
 *
 * A folder is not trusted: names of shards stay inside it, every tensor that the index names is
 * there, and none is there twice. Immutable once opened.
 */
#ifndef FR_MODEL_HF_FOLDER_H
#define FR_MODEL_HF_FOLDER_H

#include <jansson.h>
#include "model/gguf.h"

typedef struct fr_hf_folder fr_hf_folder;

int fr_hf_folder_open(const char *path, fr_hf_folder **out, fr_err *err);
void fr_hf_folder_free(fr_hf_folder *f);
FR_AUTOPTR_DEFINE(fr_hf_folder);

const char *fr_hf_path(const fr_hf_folder *f);
/** The object of config.json that describes the text model (text_config where there is one). */
const json_t *fr_hf_config(const fr_hf_folder *f);
const json_t *fr_hf_config_whole(const fr_hf_folder *f);
size_t fr_hf_n_tensors(const fr_hf_folder *f);
const fr_tensor *fr_hf_tensor_at(const fr_hf_folder *f, size_t i);      /* by name */
const fr_tensor *fr_hf_tensor(const fr_hf_folder *f, const char *name); /* NULL: none */
/** Number of a tensor for fr_hf_tensor_at(). */
size_t fr_hf_tensor_index(const fr_hf_folder *f, const fr_tensor *t);
size_t fr_hf_n_files(const fr_hf_folder *f);

/** A JSON object in a folder's file; *out NULL where there is no such file. FR_E_FORMAT: no object.
 * Owned, json_decref(). */
int fr_hf_json(const char *folder, const char *name, json_t **out, fr_err *err);

#endif
