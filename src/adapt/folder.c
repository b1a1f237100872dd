#include "adapt/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    remove(path);
    return 0;
}

void fr_folder_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int fr_folder_link(const char *target, const char *link, fr_err *err)
{
    char *part = fr_dup_f("%s.%ld.part", link, (long)getpid());
    unlink(part);
    int rc = 0;
    if (symlink(target, part) != 0 || rename(part, link) != 0) {
        rc =
            fr_fail_errno(err, "Move what stands there out of the way.", "cannot write '%s'", link);
        unlink(part);
    }
    free(part);
    return rc;
}

int fr_folder_lock(const char *dir, int *fd, fr_err *err)
{
    char *path = fr_path_join(dir, ".lock");
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int rc = 0;
    if (*fd < 0) {
        rc = fr_fail_errno(err, NULL, "cannot write '%s'", path);
    } else if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK
                 ? fr_fail(err, FR_E_BUSY, "Wait for it, or choose another folder with --out.",
                           "another climb is at work in '%s'", dir)
                 : fr_fail_errno(err, NULL, "cannot lock '%s'", path);
        close(*fd);
        *fd = -1;
    }
    free(path);
    return rc;
}

void fr_folder_unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}
