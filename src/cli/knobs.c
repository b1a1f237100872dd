#include "cli/knobs.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define WATTS_LEAST 5.0

static const char *const THREAD_NAMES[] = { "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                            "MKL_NUM_THREADS", "RAYON_NUM_THREADS" };

static int parse_pair(const char *text, double out[2], fr_err *err)
{
    fr_str rest = fr_str_of(text), first;
    if (!fr_str_next(&rest, ',', &first) || !fr_str_to_f64(fr_str_trim(first), &out[0]) ||
        !fr_str_to_f64(fr_str_trim(rest), &out[1]))
        return fr_fail(err, FR_E_USAGE, "As --threads 1,2 or --power-cap 150,100.",
                       "two numbers A,B are expected, not '%s'", text);
    return 0;
}

static int open_threads(fr_knob *k, fr_err *err)
{
    if (sched_getaffinity(0, sizeof k->cpus, &k->cpus) != 0)
        return fr_fail_errno(err, NULL, "the processors that may be used cannot be read");
    for (int i = 0; i < 2; i++) {
        double n = k->setting[i];
        if (!(n >= 1 && n <= CPU_COUNT(&k->cpus)) || n != floor(n))
            return fr_fail(err, FR_E_USAGE, NULL,
                           "--threads takes numbers from 1 to %d here, not %g", CPU_COUNT(&k->cpus),
                           n);
    }
    return 0;
}

static bool read_limit(const char *path, long long *out)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = 256 };
    return fr_file_read(path, 256, &text, NULL) == 0 &&
           fr_str_to_i64(fr_str_trim(fr_buf_str(&text)), out) && *out > 0;
}

static int write_limit(const char *path, long long uw, fr_err *err)
{
    FILE *out = fopen(path, "w");
    bool ok = out != NULL && fprintf(out, "%lld\n", uw) > 0;
    if (out != NULL && fclose(out) != 0)
        ok = false;
    return ok ? 0
              : fr_fail_errno(err, "Setting power limits needs root: sudo frugal probe …",
                              "the power limit '%s' cannot be set", path);
}

/* Long-term limits of all packages (constraint_0), as the kernel's powercap documentation has it.
 */
static int open_power_cap(fr_knob *k, const char *sysfs, fr_err *err)
{
    char *folder = fr_dup_f("%s/class/powercap", sysfs != NULL ? sysfs : "/sys"), **names = NULL;
    size_t n = 0;
    int rc = 0;
    if (fr_dir_list(folder, &names, &n, NULL) != 0)
        n = 0;
    for (size_t i = 0; i < n && k->n_zones < FR_KNOB_ZONES; i++) {
        const char *colon = strchr(names[i], ':');
        bool is_package = strncmp(names[i], "intel-rapl:", 11) == 0 &&
                          strchr(colon != NULL ? colon + 1 : "", ':') == NULL;
        FR_AUTO(fr_buf) name = { .limit_bytes = 256 };
        char *path = fr_dup_f("%s/%s/name", folder, names[i]);
        is_package = is_package && fr_file_read(path, 256, &name, NULL) == 0 &&
                     fr_str_starts(fr_buf_str(&name), FR_STR("package"));
        free(path);
        snprintf(k->zones[k->n_zones], sizeof k->zones[0], "%s/%s/constraint_0_power_limit_uw",
                 folder, names[i]);
        if (is_package && read_limit(k->zones[k->n_zones], &k->limit_uw[k->n_zones])) {
            if (access(k->zones[k->n_zones], W_OK) != 0 && rc == 0)
                rc = fr_fail(err, FR_E_PERMISSION, "It needs root: sudo frugal probe …",
                             "the power limit '%s' may not be set", k->zones[k->n_zones]);
            k->n_zones++;
        }
    }
    fr_names_free(names, n);
    if (rc == 0 && k->n_zones == 0)
        rc = fr_fail(
            err, FR_E_UNSUPPORTED,
            "Virtual machines have none. --a and --b can set a limit by a command of yours, "
            "as nvidia-smi -pl.",
            "no power limit of a package below '%s'", folder);
    for (int i = 0; i < 2 && rc == 0; i++) {
        if (!(k->setting[i] >= WATTS_LEAST && k->setting[i] <= 10000))
            rc = fr_fail(err, FR_E_USAGE, NULL, "--power-cap takes %g to 10000 W, not %g",
                         WATTS_LEAST, k->setting[i]);
    }
    free(folder);
    return rc;
}

int fr_knob_open(fr_knob *k, fr_knob_kind kind, const char *text, const char *sysfs, fr_err *err)
{
    *k = (fr_knob){ 0 };
    FR_TRY(parse_pair(text, k->setting, err));
    int rc = kind == FR_KNOB_THREADS ? open_threads(k, err) : open_power_cap(k, sysfs, err);
    if (rc == 0)
        k->kind = kind; /* from here on there is something to restore */
    return rc;
}

static int turn_threads(fr_knob *k, int which, fr_err *err)
{
    int left = (int)k->setting[which];
    cpu_set_t some;
    CPU_ZERO(&some);
    for (int cpu = 0; cpu < CPU_SETSIZE && left > 0; cpu++) {
        if (CPU_ISSET(cpu, &k->cpus)) {
            CPU_SET(cpu, &some);
            left--;
        }
    }
    for (size_t i = 0; i < FR_COUNT_OF(THREAD_NAMES); i++) {
        snprintf(k->env[i], sizeof k->env[i], "%s=%d", THREAD_NAMES[i], (int)k->setting[which]);
        k->env_list[i] = k->env[i];
    }
    return sched_setaffinity(0, sizeof some, &some) == 0
               ? 0
               : fr_fail_errno(err, NULL, "processors cannot be chosen");
}

int fr_knob_turn(fr_knob *k, int which, fr_err *err)
{
    if (k->kind == FR_KNOB_THREADS)
        return turn_threads(k, which, err);
    for (int i = 0; i < k->n_zones; i++)
        FR_TRY(write_limit(k->zones[i], (long long)(k->setting[which] * 1e6), err));
    return 0;
}

int fr_knob_restore(fr_knob *k, fr_err *err)
{
    int rc = 0;
    if (k->kind == FR_KNOB_THREADS && sched_setaffinity(0, sizeof k->cpus, &k->cpus) != 0)
        rc = fr_fail_errno(err, NULL, "processors cannot be chosen");
    for (int i = 0; k->kind == FR_KNOB_POWER_CAP && i < k->n_zones; i++) {
        int one = write_limit(k->zones[i], k->limit_uw[i], rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : one;
    }
    k->kind = FR_KNOB_NONE;
    return rc;
}
