/* Whatever PID/cgroup holds, the path that comes out is absolute, fits, and describes itself: what
 * is cut off below the group's folder changes nothing. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "meter/group.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = fr_dup_n((const char *)data, n), path[1024];
    fr_group_name whole, cut;
    fr_group_of_text(text, path);
    assert(path[0] == '/' && strlen(path) < sizeof path);
    fr_group_describe(path, &whole);
    assert(whole.depth_bytes <= strlen(path));
    if (whole.kind != FR_GROUP_NONE) {
        path[whole.depth_bytes] = '\0';
        fr_group_describe(path, &cut);
        assert(cut.kind == whole.kind && strcmp(cut.id, whole.id) == 0);
    }
    free(text);
    return 0;
}
