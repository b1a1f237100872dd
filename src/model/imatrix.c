/* imatrix.c: reads importances.
 *
 *   GGUF   general.type "imatrix"; of each matrix NAME, tensors NAME.in_sum2 (F32, columns) and
 *          NAME.counts. Sums are enough: weights count up to a factor.
 *   .dat   offset 0: number of matrices, i32; then of each: length of its name, i32; the name;
 * calls, i32; columns, i32; so many f32. What follows (the dataset's name) is not read.
 *
 * Limits: 65,536 matrices, names of 255 bytes; lengths are held against what is left. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/mem.h"
#include "model/gguf.h"
#include "model/imatrix.h"

enum { MATRICES_MOST = 65536, NAME_MOST = 255 };

typedef struct {
    char *tensor; /* owned */
    float *values;
    size_t n;
} importance;

struct fr_imatrix {
    importance *rows;
    size_t n, cap;
};

static const char HINT[] = "Make it with llama.cpp's imatrix program, from the same model.";

static int add(fr_imatrix *m, const char *file, fr_str tensor, const void *values, size_t n,
               fr_err *err)
{
    FR_GROW(m->rows, m->n, m->cap);
    importance *row = &m->rows[m->n];
    *row = (importance){ fr_str_dup(tensor), FR_NEW_N(float, n), n };
    m->n++;
    memcpy(row->values, values, n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        if (!(row->values[i] >= 0 && isfinite(row->values[i])))
            return fr_fail(err, FR_E_FORMAT, HINT, "'%s': importance %zu of '%.*s' is %g", file, i,
                           FR_STR_F(tensor), (double)row->values[i]);
    return 0;
}

static int parse_gguf(fr_imatrix *m, const fr_gguf *g, const char *file, fr_err *err)
{
    static const fr_str SUMS = FR_STR(".in_sum2");
    for (size_t i = 0; i < fr_gguf_n_tensors(g); i++) {
        const fr_tensor *t = fr_gguf_tensor_at(g, i);
        if (!fr_str_ends(t->name, SUMS) || t->format != FR_FORMAT_F32 || t->dims[1] != 1)
            continue; /* of several experts: not a matrix that is written here */
        fr_str tensor = { t->name.at, t->name.n - SUMS.n };
        FR_TRY(add(m, file, tensor, t->data, (size_t)t->dims[0], err));
    }
    if (m->n == 0)
        return fr_fail(err, FR_E_FORMAT, HINT, "'%s' is a GGUF file without importances", file);
    return 0;
}

typedef struct {
    const uint8_t *at;
    size_t left;
} rest;

static bool take_i32(rest *r, int32_t *out)
{
    if (r->left < 4)
        return false;
    memcpy(out, r->at, 4);
    r->at += 4;
    r->left -= 4;
    return true;
}

static int parse_dat(fr_imatrix *m, rest r, const char *file, fr_err *err)
{
    int32_t count = 0, length, calls, columns;
    if (!take_i32(&r, &count) || count < 1 || count > MATRICES_MOST)
        return fr_fail(err, FR_E_FORMAT, HINT, "'%s' is no importance matrix", file);
    for (int32_t i = 0; i < count; i++) {
        if (!take_i32(&r, &length) || length < 1 || length > NAME_MOST || (size_t)length > r.left)
            return fr_fail(err, FR_E_FORMAT, HINT, "'%s': no name of matrix %d of %d", file, i + 1,
                           count);
        fr_str tensor = { (const char *)r.at, (size_t)length };
        r = (rest){ r.at + length, r.left - (size_t)length };
        if (!take_i32(&r, &calls) || !take_i32(&r, &columns) || columns < 1 ||
            (size_t)columns > r.left / sizeof(float))
            return fr_fail(err, FR_E_FORMAT, HINT, "'%s' ends inside matrix %d of %d", file, i + 1,
                           count);
        FR_TRY(add(m, file, tensor, r.at, (size_t)columns, err));
        r = (rest){ r.at + (size_t)columns * 4, r.left - (size_t)columns * 4 };
    }
    return 0;
}

int fr_imatrix_parse(const void *bytes, size_t n, const char *name, fr_imatrix **out, fr_err *err)
{
    FR_AUTOPTR(fr_gguf) g = NULL;
    fr_imatrix *m = FR_NEW(fr_imatrix);
    int rc;
    if (n >= 4 && memcmp(bytes, "GGUF", 4) == 0) {
        rc = fr_gguf_parse(bytes, n, name, &g, err);
        if (rc == 0)
            rc = parse_gguf(m, g, name, err);
    } else {
        rc = parse_dat(m, (rest){ bytes, n }, name, err);
    }
    if (rc != 0)
        fr_imatrix_free(m);
    else
        *out = m;
    return rc;
}

int fr_imatrix_open(const char *path, fr_imatrix **out, fr_err *err)
{
    FR_AUTO(fr_map) map = { 0 };
    FR_TRY(fr_map_open(path, &map, err));
    return fr_imatrix_parse(map.at, map.size_bytes, path, out, err);
}

void fr_imatrix_free(fr_imatrix *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->n; i++) {
        free(m->rows[i].tensor);
        free(m->rows[i].values);
    }
    free(m->rows);
    free(m);
}

size_t fr_imatrix_n(const fr_imatrix *m)
{
    return m->n;
}

const float *fr_imatrix_of(const fr_imatrix *m, fr_str tensor, size_t *n)
{
    for (size_t i = 0; i < m->n; i++)
        if (fr_str_is(tensor, m->rows[i].tensor)) {
            *n = m->rows[i].n;
            return m->rows[i].values;
        }
    return NULL;
}
