/**
 * model/gguf.h: GGUF files (v3; v2 and files in parts are read too): key-value metadata and
 * tensors. Specification: github.com/ggml-org/ggml docs/gguf.md. The picture of the format is in
 * gguf.c.
 */
#ifndef FR_MODEL_GGUF_H
#define FR_MODEL_GGUF_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/file.h"
#include "kernels/format.h"

typedef struct fr_gguf fr_gguf;

/** Borrowed from the mapping. */
typedef struct {
    fr_str name;
    fr_format format;
    size_t n_dims;
    uint64_t dims[4]; /* dims[0] is the contiguous one (columns), as in the file */
    const void *data;
    uint64_t size_bytes;
} fr_tensor;

/** Of a model in parts (NAME-00001-of-0000N.gguf) the first is named; the others are found beside
 * it and are one file with it from here, without the split.* keys. */
int fr_gguf_open(const char *path, fr_gguf **out, fr_err *err);
/** Takes over bytes already in memory; borrowed until close. For tests and fuzzing. */
int fr_gguf_parse(const void *bytes, size_t n, const char *name, fr_gguf **out, fr_err *err);
/** The next part's tensors become g's; part is taken, also on failure. */
int fr_gguf_join(fr_gguf *g, fr_gguf *part, fr_err *err);
void fr_gguf_free(fr_gguf *g);
FR_AUTOPTR_DEFINE(fr_gguf);
size_t fr_gguf_n_parts(const fr_gguf *g); /* files, 1 usually */
/** Path of file i; borrowed. */
const char *fr_gguf_part_path(const fr_gguf *g, size_t i);
const char *fr_gguf_path(const fr_gguf *g);
uint32_t fr_gguf_version(const fr_gguf *g);
uint64_t fr_gguf_size_bytes(const fr_gguf *g);

size_t fr_gguf_n_tensors(const fr_gguf *g);
const fr_tensor *fr_gguf_tensor_at(const fr_gguf *g, size_t i);
const fr_tensor *fr_gguf_tensor(const fr_gguf *g, const char *name); /* NULL: none */

/** false when the key is absent or of another type (integers of every width convert). */
bool fr_gguf_get_u64(const fr_gguf *g, const char *key, uint64_t *out);
bool fr_gguf_get_i64(const fr_gguf *g, const char *key, int64_t *out);
bool fr_gguf_get_f64(const fr_gguf *g, const char *key, double *out);
bool fr_gguf_get_bool(const fr_gguf *g, const char *key, bool *out);
bool fr_gguf_get_str(const fr_gguf *g, const char *key, fr_str *out);
/** Arrays: length, then elements. Strings are borrowed. */
bool fr_gguf_array(const fr_gguf *g, const char *key, size_t *n);
bool fr_gguf_array_str(const fr_gguf *g, const char *key, size_t i, fr_str *out);
bool fr_gguf_array_f64(const fr_gguf *g, const char *key, size_t i, double *out);
bool fr_gguf_array_i64(const fr_gguf *g, const char *key, size_t i, int64_t *out);
/** Metadata in file order, for `frugal inspect`: key, type name, value shortened as text. */
size_t fr_gguf_n_keys(const fr_gguf *g);
void fr_gguf_key_at(const fr_gguf *g, size_t i, fr_str *key, const char **type, fr_buf *value);

/** Writing: metadata first, then tensors, then fr_gguf_write(). */
typedef struct fr_gguf_out fr_gguf_out;
fr_gguf_out *fr_gguf_out_new(void);
void fr_gguf_out_free(fr_gguf_out *o);
FR_AUTOPTR_DEFINE(fr_gguf_out);
void fr_gguf_put_u32(fr_gguf_out *o, const char *key, uint32_t v);
void fr_gguf_put_f32(fr_gguf_out *o, const char *key, float v);
void fr_gguf_put_bool(fr_gguf_out *o, const char *key, bool v);
void fr_gguf_put_str(fr_gguf_out *o, const char *key, fr_str v);
void fr_gguf_put_strs(fr_gguf_out *o, const char *key, const fr_str *v, size_t n);
void fr_gguf_put_f32s(fr_gguf_out *o, const char *key, const float *v, size_t n);
void fr_gguf_put_i32s(fr_gguf_out *o, const char *key, const int32_t *v, size_t n);
void fr_gguf_put_u8s(fr_gguf_out *o, const char *key, const uint8_t *v, size_t n);
/** All metadata of another file, except keys already put. */
void fr_gguf_put_all(fr_gguf_out *o, const fr_gguf *from);
/** data is borrowed until fr_gguf_write() and already in the format. */
void fr_gguf_put_tensor(fr_gguf_out *o, const char *name, fr_format format, const uint64_t *dims,
                        size_t n_dims, const void *data);
/** A tensor that is made when it is written, so that a model need not fit in memory: `make` fills
 * its size_bytes; index counts tensors as they were put. */
typedef int (*fr_gguf_make)(void *user, size_t index, void *bytes, fr_err *err);
void fr_gguf_put_made(fr_gguf_out *o, const char *name, fr_format format, const uint64_t *dims,
                      size_t n_dims, fr_gguf_make make, void *user);
/** Through a temporary name and a rename. */
int fr_gguf_write(fr_gguf_out *o, const char *path, fr_err *err);

#endif
