/* Who runs, and whether it still does. A wrong "gone" would close a live run; a wrong "unknown"
 * only leaves a dead one open. So "gone" needs proof: same machine, and another boot; or same
 * machine, boot and process namespace, and no such process, or one that started at another time. */
#include "ledger/ledger_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static void read_line(const char *path, char *out, size_t size)
{
    FR_AUTO(fr_buf) text = { 0 };
    out[0] = '\0';
    if (fr_file_read(path, 4096, &text, NULL) != 0)
        return;
    fr_str line = fr_str_trim(fr_buf_str(&text));
    snprintf(out, size, "%.*s", FR_STR_F(line));
}

/*
 * /proc/PID/stat: "PID (COMMAND) STATE PPID …"; the command may hold anything, so the fields count
 * from the last ')'. The start, in clock ticks since boot, is field 22.
 */
static bool process_start(int64_t pid, char *state, int64_t *start_ticks)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    FR_AUTO(fr_buf) text = { 0 };
    if (fr_file_read(path, 4096, &text, NULL) != 0)
        return false;
    const char *after = strrchr(fr_buf_text(&text), ')');
    if (after == NULL || after[1] != ' ')
        return false;
    *state = after[2];
    fr_str rest = fr_str_of(after + 2), field;
    for (int number = 3; fr_str_next(&rest, ' ', &field); number++) {
        long long value;
        if (number == 22 && fr_str_to_i64(field, &value)) {
            *start_ticks = value;
            return true;
        }
    }
    return false;
}

void fr_identity_of_self(fr_identity *out)
{
    *out = (fr_identity){ .pid = getpid() };
    if (gethostname(out->host, sizeof(out->host) - 1) != 0)
        out->host[0] = '\0';
    read_line("/etc/machine-id", out->machine, sizeof(out->machine));
    if (out->machine[0] == '\0')
        read_line("/var/lib/dbus/machine-id", out->machine, sizeof(out->machine));
    read_line("/proc/sys/kernel/random/boot_id", out->boot_id, sizeof(out->boot_id));
    ssize_t n = readlink("/proc/self/ns/pid", out->pid_space, sizeof(out->pid_space) - 1);
    out->pid_space[n > 0 ? n : 0] = '\0';
    char state;
    if (!process_start(out->pid, &state, &out->start_ticks))
        out->start_ticks = 0;
}

fr_life fr_identity_life(const fr_identity *who, const fr_identity *self)
{
    bool same_host = strcmp(who->host, self->host) == 0 && strcmp(who->machine, self->machine) == 0;
    if (who->boot_id[0] == '\0' || self->boot_id[0] == '\0')
        return FR_LIFE_UNKNOWN;
    if (strcmp(who->boot_id, self->boot_id) != 0)
        return same_host && who->machine[0] != '\0' ? FR_LIFE_GONE : FR_LIFE_UNKNOWN;
    if (!same_host || strcmp(who->pid_space, self->pid_space) != 0 || who->pid <= 0)
        return FR_LIFE_UNKNOWN;
    char state = '\0';
    int64_t start_ticks = 0;
    if (process_start(who->pid, &state, &start_ticks)) {
        if (who->start_ticks != 0 && start_ticks != who->start_ticks)
            return FR_LIFE_GONE; /* the number was given to another process */
        return state == 'Z' || state == 'X' ? FR_LIFE_GONE : FR_LIFE_ALIVE;
    }
    /* Not to be seen: gone, or hidden from us (hidepid). */
    return kill((pid_t)who->pid, 0) != 0 && errno == ESRCH ? FR_LIFE_GONE : FR_LIFE_ALIVE;
}
