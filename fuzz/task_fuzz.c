/* Property: any bytes, as a task file or as rows of data in each form, give a task, rows or an
 * error that names a place; never a crash, a leak or a large allocation. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/adapt.h"
#include "adapt/data.h"
#include "base/file.h"
#include "base/mem.h"

static char folder[] = "/tmp/frugal-fuzz-XXXXXX";

static void put(const char *name, fr_str text)
{
    char *path = fr_path_join(folder, name);
    if (fr_file_write(path, text, NULL) != 0)
        abort();
    free(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (mkdtemp(folder) == NULL)
        abort();
    put("train.jsonl", FR_STR("{\"input\": \"a\", \"output\": \"x\"}\n"
                              "{\"input\": \"b\", \"output\": \"y\"}\n"));
    put("eval.jsonl", FR_STR("{\"input\": \"c\", \"output\": \"x\"}\n"));
    return 0;
}

static void read_task(fr_str text)
{
    put("task.yaml", text);
    char *path = fr_path_join(folder, "task.yaml");
    FR_AUTOPTR(fr_task) task = NULL;
    fr_err err = { 0 };
    if (fr_task_load(path, &task, &err) != 0 && err.what[0] == '\0')
        abort();
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const NAMES[] = { "t.jsonl", "t.csv" };
    if (n == 0)
        return 0;
    fr_str text = { (const char *)bytes + 1, n - 1 };
    if (bytes[0] % 3 == 2) {
        read_task(text);
        return 0;
    }
    FR_AUTO(fr_data) rows = { 0 };
    fr_err err = { 0 };
    if (fr_data_parse(text, NAMES[bytes[0] % 3], &rows, &err) != 0 && err.what[0] == '\0')
        abort();
    return 0;
}
