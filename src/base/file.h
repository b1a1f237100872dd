/**
 * file.h: whole files: read with a limit, mapped, and written so that no half file is ever seen.
 *
 *     FR_AUTO(fr_file_out) out = { 0 };
 *     FR_TRY(fr_file_out_open(&out, path, err));
 *     FR_TRY(fr_file_out_put(&out, bytes, n, err));
 *     FR_TRY(fr_file_out_commit(&out, err));   flush, fsync, rename; without it nothing is left
 */
#ifndef FR_BASE_FILE_H
#define FR_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/buf.h"

/** Reads all of it (path "-" is stdin); FR_E_LIMIT beyond limit_bytes. Appended to out. */
int fr_file_read(const char *path, size_t limit_bytes, fr_buf *out, fr_err *err);
/** Writes all of it through a temporary name and a rename. */
int fr_file_write(const char *path, fr_str bytes, fr_err *err);

/** Read-only mapping of a whole file. */
typedef struct {
    const uint8_t *at;
    size_t size_bytes;
} fr_map;
int fr_map_open(const char *path, fr_map *out, fr_err *err);
void fr_map_fini(fr_map *map);
FR_AUTO_DEFINE(fr_map);

/**
 * A file being written: PATH.PID.part beside the target until commit. A file that is there keeps
 * its permissions, a link stays a link. Devices, pipes and /dev/stderr are written into.
 */
typedef struct {
    FILE *stream;
    char *path, *part; /* part: NULL when it is written into directly */
} fr_file_out;
int fr_file_out_open(fr_file_out *out, const char *path, fr_err *err);
int fr_file_out_put(fr_file_out *out, const void *bytes, size_t n, fr_err *err);
int fr_file_out_commit(fr_file_out *out, fr_err *err);
void fr_file_out_fini(fr_file_out *out); /* not committed: the part is removed */
FR_AUTO_DEFINE(fr_file_out);

bool fr_file_exists(const char *path);
bool fr_dir_exists(const char *path);
/** Like mkdir -p; mode 0777 less umask. */
int fr_dir_make(const char *path, fr_err *err);
/** dir/name; an absolute name stays itself. Owned, free(). */
char *fr_path_join(const char *dir, const char *name);
/** The folder that a path is in ("." for a bare name). Owned, free(). */
char *fr_path_dir(const char *path);
/** $XDG_DATA_HOME/frugal, …cache…, …config…, by the basedir specification. Owned, free(). */
char *fr_path_data(void);
char *fr_path_cache(void);
char *fr_path_config(void);
/** Names of a folder's entries, sorted, without . and ..; owned: free each and the list. */
int fr_dir_list(const char *path, char ***names, size_t *n, fr_err *err);
void fr_names_free(char **names, size_t n);

#endif
