#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

int fr_file_read(const char *path, size_t limit_bytes, fr_buf *out, fr_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fr_fail_errno(err, NULL, "cannot open '%s'", path);
    size_t before = out->n;
    char block[1 << 16];
    int rc = 0;
    for (;;) {
        ssize_t n = read(fd, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = fr_fail_errno(err, NULL, "cannot read '%s'", path);
        if (n <= 0)
            break;
        if (out->n - before + (size_t)n > limit_bytes) {
            rc = fr_fail(err, FR_E_LIMIT, "Split it, or point frugal at the part that matters.",
                         "'%s' is larger than the %zu bytes that are read", path, limit_bytes);
            break;
        }
        fr_buf_put(out, block, (size_t)n);
    }
    if (!is_stdin)
        close(fd);
    return rc;
}

int fr_file_write(const char *path, fr_str bytes, fr_err *err)
{
    FR_AUTO(fr_file_out) out = { 0 };
    FR_TRY(fr_file_out_open(&out, path, err));
    FR_TRY(fr_file_out_put(&out, bytes.at, bytes.n, err));
    return fr_file_out_commit(&out, err);
}

int fr_map_open(const char *path, fr_map *out, fr_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fr_fail_errno(err, NULL, "cannot open '%s'", path);
    struct stat info;
    int rc = 0;
    if (fstat(fd, &info) != 0) {
        rc = fr_fail_errno(err, NULL, "cannot read '%s'", path);
    } else if (!S_ISREG(info.st_mode)) {
        rc = fr_fail(err, FR_E_FORMAT, "Name a file.", "'%s' is not a regular file", path);
    } else if (info.st_size > 0) {
        void *at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at == MAP_FAILED)
            rc = fr_fail_errno(err, NULL, "cannot map '%s'", path);
        else
            *out = (fr_map){ at, (size_t)info.st_size };
    } else {
        *out = (fr_map){ NULL, 0 };
    }
    close(fd);
    return rc;
}

void fr_map_fini(fr_map *map)
{
    if (map->at != NULL)
        munmap((void *)map->at, map->size_bytes);
    *map = (fr_map){ NULL, 0 };
}

/* A device, a pipe, and what stands for an open descriptor are written into: a rename would put a
 * file in the place of /dev/null itself where it is allowed to. */
static bool is_stream(const char *path, const struct stat *info)
{
    return !S_ISREG(info->st_mode) || strncmp(path, "/dev/", 5) == 0 ||
           strncmp(path, "/proc/", 6) == 0;
}

int fr_file_out_open(fr_file_out *out, const char *path, fr_err *err)
{
    *out = (fr_file_out){ .path = fr_dup(path) };
    struct stat info, link;
    bool there = stat(path, &info) == 0;
    if (there && is_stream(path, &info)) {
        out->stream = fopen(path, "abe"); /* fails for a folder */
        return out->stream != NULL ? 0 : fr_fail_errno(err, NULL, "cannot write '%s'", path);
    }
    if (there && lstat(path, &link) == 0 && S_ISLNK(link.st_mode)) { /* the link stays */
        char *target = realpath(path, NULL);
        if (target != NULL) {
            free(out->path);
            out->path = target;
        }
    }
    out->part = fr_dup_f("%s.%ld.part", out->path, (long)getpid());
    out->stream = fopen(out->part, "wbe");
    if (out->stream == NULL)
        return fr_fail_errno(err, NULL, "cannot write '%s'", path);
    if (there) /* who may read it is the user's choice, not ours */
        fchmod(fileno(out->stream), info.st_mode & 0777);
    return 0;
}

int fr_file_out_put(fr_file_out *out, const void *bytes, size_t n, fr_err *err)
{
    if (n != 0 && fwrite(bytes, 1, n, out->stream) != n)
        return fr_fail_errno(err, NULL, "cannot write '%s'", out->path);
    return 0;
}

int fr_file_out_commit(fr_file_out *out, fr_err *err)
{
    /* a stream need not know of fsync */
    bool written =
        fflush(out->stream) == 0 && (fsync(fileno(out->stream)) == 0 || out->part == NULL);
    int number = errno;
    written = fclose(out->stream) == 0 && written;
    out->stream = NULL;
    if (!written) {
        errno = number;
        return fr_fail_errno(err, NULL, "cannot write '%s'", out->path);
    }
    if (out->part != NULL && rename(out->part, out->path) != 0)
        return fr_fail_errno(err, NULL, "cannot write '%s'", out->path);
    free(out->part);
    out->part = NULL;
    return 0;
}

void fr_file_out_fini(fr_file_out *out)
{
    if (out->stream != NULL)
        fclose(out->stream);
    if (out->part != NULL)
        unlink(out->part);
    free(out->part);
    free(out->path);
    *out = (fr_file_out){ 0 };
}

bool fr_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool fr_dir_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int fr_dir_make(const char *path, fr_err *err)
{
    char *walk = fr_dup(path);
    int rc = 0;
    for (char *slash = walk; slash != NULL && rc == 0;) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL)
            *slash = '\0';
        if (*walk != '\0' && mkdir(walk, 0777) != 0 && errno != EEXIST)
            rc = fr_fail_errno(err, NULL, "cannot make the folder '%s'", walk);
        if (slash != NULL)
            *slash = '/';
    }
    if (rc == 0 && !fr_dir_exists(path))
        rc = fr_fail(err, FR_E_IO, NULL, "'%s' is not a folder", path);
    free(walk);
    return rc;
}

char *fr_path_join(const char *dir, const char *name)
{
    if (name[0] == '/' || dir == NULL || dir[0] == '\0')
        return fr_dup(name);
    size_t n = strlen(dir);
    return fr_dup_f("%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

char *fr_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return fr_dup(".");
    return slash == path ? fr_dup("/") : fr_dup_n(path, (size_t)(slash - path));
}

static char *xdg_folder(const char *variable, const char *below_home)
{
    const char *base = getenv(variable);
    if (base != NULL && base[0] == '/') /* relative ones are to be ignored, says the standard */
        return fr_path_join(base, "frugal");
    const char *home = getenv("HOME");
    return fr_dup_f("%s/%s/frugal", home != NULL ? home : "/tmp", below_home);
}

char *fr_path_data(void)
{
    return xdg_folder("XDG_DATA_HOME", ".local/share");
}

char *fr_path_cache(void)
{
    return xdg_folder("XDG_CACHE_HOME", ".cache");
}

char *fr_path_config(void)
{
    return xdg_folder("XDG_CONFIG_HOME", ".config");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int fr_dir_list(const char *path, char ***names, size_t *n, fr_err *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return fr_fail_errno(err, NULL, "cannot list '%s'", path);
    char **list = NULL;
    size_t count = 0, cap = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        FR_GROW(list, count, cap);
        list[count++] = fr_dup(entry->d_name);
    }
    closedir(dir);
    if (count != 0)
        fr_sort(list, count, sizeof(*list), by_name);
    *names = list;
    *n = count;
    return 0;
}

void fr_names_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}
