/* real_postgres.h: a PostgreSQL server of its own for a test, in a folder of its own, reached by a
 * socket file there. It refuses to run as root, so then it runs as another user. */
#ifndef REAL_POSTGRES_H
#define REAL_POSTGRES_H

#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

typedef struct {
    char dir[64];
    char bin[256];
    char as[64]; /* "setpriv --reuid=… " or "" */
    char url[128];
} real_postgres;

static inline int real_postgres_run(const real_postgres *pg, const char *what)
{
    char *command =
        fr_dup_f("cd '%s' && %s %s/%s >>'%s/log' 2>&1", pg->dir, pg->as, pg->bin, what, pg->dir);
    int rc = system(command);
    free(command);
    return rc;
}

/* NULL, or why there is none: the test is skipped with that. */
static inline const char *real_postgres_start(real_postgres *pg)
{
    memset(pg, 0, sizeof(*pg));
    glob_t found = { 0 };
    glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found);
    if (found.gl_pathc == 0) {
        globfree(&found);
        return "no PostgreSQL server is installed (apt install postgresql)";
    }
    const char *initdb = found.gl_pathv[found.gl_pathc - 1];
    snprintf(pg->bin, sizeof(pg->bin), "%.*s", (int)(strlen(initdb) - strlen("/initdb")), initdb);
    globfree(&found);
    snprintf(pg->dir, sizeof(pg->dir), "/tmp/frugal-postgres-XXXXXX");
    if (mkdtemp(pg->dir) == NULL)
        return "no folder can be made in /tmp";
    if (geteuid() == 0) {
        const struct passwd *user = getpwnam("postgres");
        user = user != NULL ? user : getpwnam("nobody");
        if (user == NULL || system("command -v setpriv >/dev/null") != 0)
            return "PostgreSQL does not run as root, and there is no setpriv to become another "
                   "user";
        snprintf(pg->as, sizeof(pg->as), "setpriv --reuid=%u --regid=%u --clear-groups",
                 (unsigned)user->pw_uid, (unsigned)user->pw_gid);
        if (chown(pg->dir, user->pw_uid, user->pw_gid) != 0)
            return "the folder cannot be given to another user";
    }
    if (real_postgres_run(pg, "initdb -D data -A trust -U frugal -E UTF8 --locale=C.UTF-8 "
                              "--no-sync --no-instructions") != 0)
        return "initdb failed";
    char *start =
        fr_dup_f("pg_ctl -D data -w -t 60 -l server.log -o \"-k %s -c listen_addresses='' "
                 "-c fsync=off -c shared_buffers=8MB -c max_connections=8 -c "
                 "autovacuum=off\" start",
                 pg->dir);
    int rc = real_postgres_run(pg, start);
    free(start);
    snprintf(pg->url, sizeof(pg->url), "postgresql://frugal@/postgres?host=%s", pg->dir);
    return rc == 0 ? NULL : "the server did not start";
}

static inline void real_postgres_stop(real_postgres *pg)
{
    if (pg->dir[0] == '\0')
        return;
    real_postgres_run(pg, "pg_ctl -D data -m immediate -w stop");
    char *command = fr_dup_f("rm -rf '%s'", pg->dir);
    if (system(command) != 0)
        fprintf(stderr, "%s is left\n", pg->dir);
    free(command);
}

#endif
