/* fixture.h: where tests find their files, and JSON Lines row by row. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

/* tests/fixtures/NAME; owned. */
static inline char *fixture_path(const char *name)
{
    return fr_dup_f("%s/tests/fixtures/%s", FR_SOURCE_DIR, name);
}

/* A file of the shared data sets, which are not in the repository: below $FRUGAL_SHARED, else
 * beside the source folder. Owned; NULL when it is not there, and then the test skips. */
static inline char *shared_path(const char *name)
{
    const char *root = getenv("FRUGAL_SHARED");
    char *path = root != NULL ? fr_dup_f("%s/%s", root, name)
                              : fr_dup_f("%s/../shared/%s", FR_SOURCE_DIR, name);
    if (fr_file_exists(path))
        return path;
    free(path);
    return NULL;
}

/* The next object of a JSON Lines text, or NULL at its end; json_decref. */
static inline json_t *next_row(fr_str *rest)
{
    fr_str line;
    while (fr_str_next(rest, '\n', &line)) {
        if (fr_str_trim(line).n > 0)
            return json_loadb(line.at, line.n, 0, NULL);
    }
    return NULL;
}

static inline fr_str text_in(const json_t *row, const char *key)
{
    return fr_str_of(json_string_value(json_object_get(row, key)));
}

#endif
