/* A folder in /tmp for one test, with helpers to put files there and to look at them. */
#ifndef FR_TEST_WORK_FOLDER_H
#define FR_TEST_WORK_FOLDER_H

#include <stdarg.h>
#include <unistd.h>

#include "adapt/folder.h"
#include "fixture.h"

static inline char *work_folder_new(void)
{
    char *dir = fr_dup("/tmp/frugal-adapt-XXXXXX");
    if (mkdtemp(dir) == NULL)
        abort();
    return dir;
}

static inline void work_folder_free(char *dir)
{
    fr_folder_remove(dir);
    free(dir);
}

static inline void put_file(const char *dir, const char *name, const char *text)
{
    char *path = fr_path_join(dir, name);
    if (fr_file_write(path, fr_str_of(text), NULL) != 0)
        abort();
    free(path);
}

/* All of a file; owned. NULL: there is none. */
static inline char *file_text(const char *dir, const char *name)
{
    char *path = fr_path_join(dir, name);
    fr_buf text = { 0 };
    int rc = fr_file_read(path, (size_t)64 << 20, &text, NULL);
    free(path);
    if (rc != 0) {
        fr_buf_fini(&text);
        return NULL;
    }
    return fr_buf_take(&text);
}

/* Rows of a little label task: colours of fruit, told by a word each. from, to: numbers of rows. */
static inline void put_rows(const char *dir, const char *name, size_t from, size_t to,
                            const char *mark)
{
    static const char *const WORDS[][2] = { { "banana", "yellow" }, { "cherry", "red" },
                                            { "lemon", "yellow" },  { "tomato", "red" },
                                            { "spinach", "green" }, { "cress", "green" } };
    FR_AUTO(fr_buf) out = { 0 };
    for (size_t i = from; i < to; i++)
        fr_buf_put_f(&out, "{\"input\": \"%sbox %zu holds a %s\", \"output\": \"%s\"}\n", mark, i,
                     WORDS[i % 6][0], WORDS[i % 6][1]);
    put_file(dir, name, fr_buf_text(&out));
}

#endif
