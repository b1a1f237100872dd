#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/mem.h"
#include "train/loop.h"

/*
 * checkpoint.frt: fr_train_state as it lies in memory (this machine's byte order), then
 * [n_trained] floats each of weights, first and second moments, and, where has_best, the best
 * weights so far. Written beside and renamed, so that there is always a whole one.
 */
static const char MAGIC[8] = "FRTRAIN1";

static char *path_in(const char *dir)
{
    return fr_path_join(dir, "checkpoint.frt");
}

static int put_all(fr_file_out *out, const fr_train_state *state, const fr_weights *w,
                   const float *best, fr_err *err)
{
    const size_t bytes = w->n_trained * sizeof(float);
    fr_train_state header = *state;
    memcpy(header.magic, MAGIC, sizeof(MAGIC));
    header.n_trained = w->n_trained;
    header.has_best = best != NULL;
    FR_TRY(fr_file_out_put(out, &header, sizeof(header), err));
    FR_TRY(fr_file_out_put(out, w->tw, bytes, err));
    FR_TRY(fr_file_out_put(out, w->m, bytes, err));
    FR_TRY(fr_file_out_put(out, w->v, bytes, err));
    if (best != NULL)
        FR_TRY(fr_file_out_put(out, best, bytes, err));
    return fr_file_out_commit(out, err);
}

int fr_checkpoint_save(const char *dir, const fr_train_state *state, const fr_weights *w,
                       const float *best, fr_err *err)
{
    FR_TRY(fr_dir_make(dir, err));
    char *path = path_in(dir);
    FR_AUTO(fr_file_out) out = { 0 };
    int rc = fr_file_out_open(&out, path, err);
    if (rc == 0)
        rc = put_all(&out, state, w, best, err);
    free(path);
    return rc;
}

static int parse(const fr_map *map, const char *path, fr_train_state *state, fr_weights *w,
                 float *best, fr_err *err)
{
    fr_train_state header;
    const size_t bytes = w->n_trained * sizeof(float);
    static const char *const HINT = "Name another checkpoint folder, or remove that file.";
    if (map->size_bytes < sizeof(header))
        return fr_fail(err, FR_E_FORMAT, HINT, "checkpoint '%s' is cut short", path);
    memcpy(&header, map->at, sizeof(header));
    if (memcmp(header.magic, MAGIC, sizeof(MAGIC)) != 0)
        return fr_fail(err, FR_E_FORMAT, HINT, "'%s' is not a checkpoint of this version", path);
    if (header.identity != state->identity || header.n_trained != w->n_trained)
        return fr_fail(err, FR_E_USAGE, HINT,
                       "checkpoint '%s' belongs to another model, vocabulary or seed", path);
    const size_t arrays = header.has_best ? 4 : 3;
    if (map->size_bytes != sizeof(header) + arrays * bytes || (header.has_best && best == NULL))
        return fr_fail(err, FR_E_FORMAT, HINT, "checkpoint '%s' is cut short", path);
    *state = header;
    const uint8_t *at = map->at + sizeof(header);
    memcpy(w->tw, at, bytes);
    memcpy(w->m, at + bytes, bytes);
    memcpy(w->v, at + 2 * bytes, bytes);
    if (header.has_best)
        memcpy(best, at + 3 * bytes, bytes);
    return 0;
}

int fr_checkpoint_load(const char *dir, fr_train_state *state, fr_weights *w, float *best,
                       bool *found, fr_err *err)
{
    char *path = path_in(dir);
    int rc = 0;
    *found = fr_file_exists(path);
    if (*found) {
        FR_AUTO(fr_map) map = { 0 };
        rc = fr_map_open(path, &map, err);
        if (rc == 0)
            rc = parse(&map, path, state, w, best, err);
    }
    free(path);
    return rc;
}

void fr_checkpoint_remove(const char *dir)
{
    char *path = path_in(dir);
    unlink(path);
    free(path);
}
