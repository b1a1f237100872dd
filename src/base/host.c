#include "base/host.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/file.h"

#define FILE_MOST_BYTES (8u << 20)

static bool read_under(const char *root, const char *name, fr_buf *out)
{
    char path[1024];
    fr_buf_clear(out);
    snprintf(path, sizeof path, "%s/%s", root, name);
    return fr_file_read(path, FILE_MOST_BYTES, out, NULL) == 0;
}

static void copy(char *to, size_t size, fr_str text)
{
    size_t n = FR_MIN(text.n, size - 1);
    memcpy(to, text.at, n);
    to[n] = '\0';
}

/* The value of "name  : value", when the line has that name. */
static bool is_field(fr_str line, const char *name, fr_str *value)
{
    fr_str head;
    if (!fr_str_next(&line, ':', &head) || !fr_str_is(fr_str_trim(head), name))
        return false;
    *value = fr_str_trim(line);
    return true;
}

static int whole(fr_str text)
{
    char digits[32];
    copy(digits, sizeof digits, text);
    return (int)strtol(digits, NULL, 0); /* "0x41" too */
}

static void read_cpuinfo(const char *procfs, fr_host *out)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = FILE_MOST_BYTES };
    if (!read_under(procfs, "cpuinfo", &text))
        return;
    uint64_t sockets = 0;
    fr_str rest = fr_buf_str(&text), line, value;
    int n_threads = 0;
    while (fr_str_next(&rest, '\n', &line)) {
        if (is_field(line, "processor", &value))
            n_threads++;
        else if (is_field(line, "vendor_id", &value))
            copy(out->vendor, sizeof out->vendor, value);
        else if (is_field(line, "model name", &value))
            copy(out->model_name, sizeof out->model_name, value);
        else if (is_field(line, "cpu family", &value) || is_field(line, "CPU implementer", &value))
            out->family = whole(value);
        else if (is_field(line, "model", &value) || is_field(line, "CPU part", &value))
            out->model = whole(value);
        else if (is_field(line, "physical id", &value))
            sockets |= (uint64_t)1 << ((unsigned)whole(value) % 64);
        else if (is_field(line, "flags", &value)) {
            size_t at;
            out->is_virtual |= fr_str_find(value, FR_STR("hypervisor"), &at);
        }
    }
    if (out->vendor[0] == '\0' && out->family != 0 && out->model > 255)
        copy(out->vendor, sizeof out->vendor, FR_STR("ARM"));
    out->n_threads = FR_MAX(n_threads, 1);
    out->n_sockets = FR_MAX(__builtin_popcountll(sockets), 1);
}

static void read_meminfo(const char *procfs, fr_host *out)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = FILE_MOST_BYTES };
    double kb;
    if (read_under(procfs, "meminfo", &text) &&
        sscanf(fr_buf_text(&text), "MemTotal: %lf kB", &kb) == 1 && kb > 0)
        out->ram_bytes = kb * 1024;
}

static double first_number(const char *sysfs, const char *name)
{
    FR_AUTO(fr_buf) text = { 0 };
    double number;
    return read_under(sysfs, name, &text) && fr_str_to_f64(fr_str_trim(fr_buf_str(&text)), &number)
               ? number
               : -1;
}

/* The limits of our own control group, version 2 or 1; a container sees its own as the root. */
static void read_quota(const char *procfs, const char *sysfs, fr_host *out)
{
    char group[256] = "", name[512];
    FR_AUTO(fr_buf) text = { 0 };
    if (read_under(procfs, "self/cgroup", &text)) {
        fr_str rest = fr_buf_str(&text), line;
        while (fr_str_next(&rest, '\n', &line)) {
            if (fr_str_starts(line, FR_STR("0::/")))
                snprintf(group, sizeof group, "%.*s", (int)line.n - 3, line.at + 3);
        }
    }
    const char *const groups[] = { group, "" };
    out->quota_threads = out->n_threads;
    out->quota_ram_bytes = out->ram_bytes;
    for (size_t i = 0; i < 2; i++) {
        double quota_us, period_us;
        snprintf(name, sizeof name, "fs/cgroup%s/cpu.max", groups[i]);
        if (read_under(sysfs, name, &text) &&
            sscanf(fr_buf_text(&text), "%lf %lf", &quota_us, &period_us) == 2 && quota_us > 0 &&
            period_us > 0)
            out->quota_threads = FR_MIN(out->quota_threads, quota_us / period_us);
        snprintf(name, sizeof name, "fs/cgroup%s/memory.max", groups[i]);
        double most = first_number(sysfs, name);
        if (most > 0)
            out->quota_ram_bytes = FR_MIN(out->quota_ram_bytes, most);
    }
    double quota_us = first_number(sysfs, "fs/cgroup/cpu/cpu.cfs_quota_us");
    double period_us = first_number(sysfs, "fs/cgroup/cpu/cpu.cfs_period_us");
    if (quota_us > 0 && period_us > 0)
        out->quota_threads = FR_MIN(out->quota_threads, quota_us / period_us);
    double most = first_number(sysfs, "fs/cgroup/memory/memory.limit_in_bytes");
    if (most > 0)
        out->quota_ram_bytes = FR_MIN(out->quota_ram_bytes, most);
}

static bool is_client(const char *sysfs, const char *model_name)
{
    static const char *const NAMES[] = { "Core(TM)", "Ryzen", "Apple",  "Celeron",
                                         "Pentium",  "Atom",  "Athlon", "Snapdragon" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        if (strstr(model_name, NAMES[i]) != NULL)
            return true;
    }
    char path[512];
    snprintf(path, sizeof path, "%s/class/power_supply/BAT0", sysfs);
    return fr_dir_exists(path);
}

void fr_host_read(const char *procfs, const char *sysfs, fr_host *out)
{
    procfs = procfs != NULL ? procfs : "/proc";
    sysfs = sysfs != NULL ? sysfs : "/sys";
    *out = (fr_host){ .n_threads = 1, .n_sockets = 1 };
    read_cpuinfo(procfs, out);
    read_meminfo(procfs, out);
    read_quota(procfs, sysfs, out);
    out->is_client = is_client(sysfs, out->model_name);
}
