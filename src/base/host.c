#include "base/host.h"

#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/file.h"
#include "base/mem.h"

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

/* ---- limits ---- */

/* How many processors "0-3,8" are; 0: none are named. */
static double count_cpus(const char *folder, const char *name)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = FILE_MOST_BYTES };
    double n = 0;
    if (!read_under(folder, name, &text))
        return 0;
    for (const char *at = fr_buf_text(&text); *at >= '0' && *at <= '9';) {
        char *end;
        long first = strtol(at, &end, 10), last = first;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        n += last >= first ? (double)(last - first + 1) : 0;
        at = *end == ',' ? end + 1 : end;
    }
    return n;
}

static void lower(double *limit, double to)
{
    if (to > 0 && to < *limit)
        *limit = to;
}

/* Whose files a folder has: version 2's, or those of some controllers of version 1. */
enum { VERSION_2 = 1, CPU = 2, MEMORY = 4, SET = 8 };

static void lower_by_folder(const char *folder, unsigned whose, double *threads, double *ram_bytes)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = FILE_MOST_BYTES };
    double quota_us = -1, period_us = -1;
    if ((whose & VERSION_2) != 0) {
        if (read_under(folder, "cpu.max", &text))
            sscanf(fr_buf_text(&text), "%lf %lf", &quota_us, &period_us);
        lower(ram_bytes, first_number(folder, "memory.max"));
    }
    if ((whose & CPU) != 0) {
        quota_us = first_number(folder, "cpu.cfs_quota_us");
        period_us = first_number(folder, "cpu.cfs_period_us");
    }
    if (quota_us > 0 && period_us > 0)
        lower(threads, quota_us / period_us);
    if ((whose & MEMORY) != 0)
        lower(ram_bytes, first_number(folder, "memory.limit_in_bytes"));
}

/* The folder, and those above it that are groups: they have a list of processes. */
static void lower_by_all(const char *folder, unsigned whose, double *threads, double *ram_bytes)
{
    double cpus = 0;
    if ((whose & VERSION_2) != 0)
        cpus = count_cpus(folder, "cpuset.cpus.effective");
    if ((whose & SET) != 0)
        cpus = count_cpus(folder, "cpuset.effective_cpus");
    if ((whose & SET) != 0 && cpus == 0)
        cpus = count_cpus(folder, "cpuset.cpus");
    lower(threads, cpus);
    char *at = fr_dup(folder);
    for (bool is_group = (whose & ~(unsigned)SET) != 0; is_group;) {
        lower_by_folder(at, whose, threads, ram_bytes);
        char *above = fr_path_dir(at), *procs = fr_path_join(above, "cgroup.procs");
        is_group = fr_file_exists(procs) && strcmp(above, at) != 0;
        free(procs);
        free(at);
        at = above;
    }
    free(at);
}

/* Folders of version 1 bear their controllers' names. */
static unsigned whose_is(fr_str controllers)
{
    unsigned whose = 0;
    fr_str name;
    while (fr_str_next(&controllers, ',', &name))
        whose |= fr_str_is(name, "cpu")      ? CPU
                 : fr_str_is(name, "memory") ? MEMORY
                 : fr_str_is(name, "cpuset") ? SET
                                             : 0;
    return whose;
}

/* Version 1: "…/cpuacct/docker/ID" has its memory in "…/memory/docker/ID". */
void fr_host_limits(const char *folder, double *threads, double *ram_bytes)
{
    static const char *const ONES[] = { "/cpu,cpuacct", "/cpuacct", "/cpu", "/memory", "/cpuset" };
    static const char *const OTHERS[] = { "cpu,cpuacct", "cpu", "memory", "cpuset" };
    for (size_t i = 0; i < FR_COUNT_OF(ONES); i++) {
        const char *at = strstr(folder, ONES[i]);
        size_t n = strlen(ONES[i]);
        if (at == NULL || (at[n] != '/' && at[n] != '\0'))
            continue;
        for (size_t k = 0; k < FR_COUNT_OF(OTHERS); k++) {
            char *other = fr_dup_f("%.*s/%s%s", (int)(at - folder), folder, OTHERS[k], at + n);
            if (fr_dir_exists(other))
                lower_by_all(other, whose_is(fr_str_of(OTHERS[k])), threads, ram_bytes);
            free(other);
        }
        return;
    }
    lower_by_all(folder, VERSION_2, threads, ram_bytes);
}

/* Where PID/cgroup says that our group is; a container sees its own as the root, and may not. */
static void lower_by_line(const char *root, fr_str controllers, fr_str path, fr_host *out)
{
    unsigned whose = controllers.n == 0 ? VERSION_2 : whose_is(controllers);
    char *top = fr_dup_f("%s%s%.*s", root, controllers.n > 0 ? "/" : "", FR_STR_F(controllers));
    char *folder = fr_dup_f("%s%.*s", top, FR_STR_F(path));
    if (whose != 0)
        lower_by_all(path.n > 1 && fr_dir_exists(folder) ? folder : top, whose, &out->quota_threads,
                     &out->quota_ram_bytes);
    free(top);
    free(folder);
}

static void read_quota(const char *procfs, const char *sysfs, fr_host *out)
{
    static const char UNSAID[] = "1:cpu:/\n2:memory:/\n3:cpuset:/\n0::/\n";
    FR_AUTO(fr_buf) text = { .limit_bytes = FILE_MOST_BYTES };
    char *root = fr_path_join(sysfs, "fs/cgroup");
    fr_str line, number, controllers;
    fr_str rest = read_under(procfs, "self/cgroup", &text) ? fr_buf_str(&text) : FR_STR(UNSAID);
    out->quota_threads = out->n_threads;
    out->quota_ram_bytes = out->ram_bytes > 0 ? out->ram_bytes : INFINITY;
    while (rest.at != NULL && fr_str_next(&rest, '\n', &line)) {
        if (fr_str_next(&line, ':', &number) && fr_str_next(&line, ':', &controllers))
            lower_by_line(root, controllers, line, out);
    }
    if (out->quota_ram_bytes > 1e18)
        out->quota_ram_bytes = out->ram_bytes;
    free(root);
}

/* A battery of its own, whatever its driver calls it: those of mice and the like say "Device". */
static bool has_battery(const char *sysfs)
{
    FR_AUTO(fr_buf) type = { .limit_bytes = FILE_MOST_BYTES };
    FR_AUTO(fr_buf) scope = { .limit_bytes = FILE_MOST_BYTES };
    char *root = fr_path_join(sysfs, "class/power_supply");
    char **names = NULL;
    size_t n = 0;
    bool has = false;
    if (fr_dir_list(root, &names, &n, NULL) == 0) {
        for (size_t i = 0; i < n && !has; i++) {
            char *folder = fr_path_join(root, names[i]);
            has = read_under(folder, "type", &type) &&
                  fr_str_is(fr_str_trim(fr_buf_str(&type)), "Battery") &&
                  !(read_under(folder, "scope", &scope) &&
                    fr_str_is(fr_str_trim(fr_buf_str(&scope)), "Device"));
            free(folder);
        }
        fr_names_free(names, n);
    }
    free(root);
    return has;
}

static bool is_client(const char *sysfs, const char *model_name)
{
    static const char *const NAMES[] = { "Core(TM)", "Ryzen", "Apple",  "Celeron",
                                         "Pentium",  "Atom",  "Athlon", "Snapdragon" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        if (strstr(model_name, NAMES[i]) != NULL)
            return true;
    }
    return has_battery(sysfs);
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
