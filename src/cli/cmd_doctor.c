/* frugal doctor: what this machine offers frugal, what is missing, and what would mend it. */
#include "cli/cli.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/host.h"
#include "base/mem.h"
#include "kernels/kernels.h"
#include "meter/meter.h"

#define SENSORS_MOST 24

static const fr_option OPTIONS[] = {
    { "sysfs", 0, FR_OPTION_TEXT, "DIR", "look for sensors there instead of /sys" },
    { "procfs", 0, FR_OPTION_TEXT, "DIR", "and there instead of /proc" },
    FR_OPTIONS_END,
};

/* What frugal loads only when something needs it, or runs as a program of its own. */
typedef struct {
    const char *name, *file; /* file: a library; NULL: a program */
    const char *purpose;
    const char *install;
} part;

static const part PARTS[] = {
    { "NVML", "libnvidia-ml.so.1", "energy of NVIDIA GPUs", "the NVIDIA driver brings it" },
    { "libcurl", "libcurl.so.4", "models behind an HTTP endpoint", "sudo apt install libcurl4" },
    { "Open MPI", "libmpi.so.40", "training beyond one machine", "sudo apt install libopenmpi3" },
    { "pdftotext", NULL, "text of PDF documents", "sudo apt install poppler-utils" },
};

static bool is_program(const char *name)
{
    const char *search = getenv("PATH");
    fr_str rest = fr_str_of(search != NULL ? search : "/usr/bin:/bin"), dir;
    while (fr_str_next(&rest, ':', &dir)) {
        char path[1024];
        snprintf(path, sizeof path, "%.*s/%s", FR_STR_F(dir), name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static bool is_there(const part *p)
{
    if (p->file == NULL)
        return is_program(p->name);
    void *library = dlopen(p->file, RTLD_LAZY | RTLD_LOCAL);
    if (library != NULL)
        dlclose(library);
    return library != NULL;
}

typedef struct {
    fr_host host;
    fr_sensor_state sensors[SENSORS_MOST];
    size_t n_sensors;
    bool parts[FR_COUNT_OF(PARTS)];
    char *ledger;
    bool ledger_exists, ledger_writable;
} findings;

/* The nearest folder that exists decides whether the ledger can be made. */
static void look_at_ledger(fr_cli *cli, findings *f)
{
    const char *stated = fr_cli_ledger(cli);
    char *data = fr_path_data();
    f->ledger = stated != NULL ? fr_dup(stated) : fr_path_join(data, "ledger.db");
    free(data);
    if (strncmp(f->ledger, "postgresql://", 13) == 0)
        return;
    f->ledger_exists = fr_file_exists(f->ledger);
    if (f->ledger_exists) {
        f->ledger_writable = access(f->ledger, W_OK) == 0;
        return;
    }
    char *folder = fr_path_dir(f->ledger);
    while (!fr_dir_exists(folder) && strcmp(folder, ".") != 0 && strcmp(folder, "/") != 0) {
        char *above = fr_path_dir(folder);
        free(folder);
        folder = above;
    }
    f->ledger_writable = access(folder, W_OK) == 0;
    free(folder);
}

static json_t *json_of(const findings *f)
{
    json_t *o = json_object(), *sensors = json_array(), *libraries = json_array();
    for (size_t i = 0; i < f->n_sensors; i++) {
        const fr_sensor_state *s = &f->sensors[i];
        json_array_append_new(sensors,
                              json_pack("{s:s, s:b, s:s, s:s}", "name", s->sensor, "usable",
                                        s->usable, "found", s->found, "grant", s->grant));
    }
    for (size_t i = 0; i < FR_COUNT_OF(PARTS); i++)
        json_array_append_new(libraries, json_pack("{s:s, s:b, s:s, s:s}", "name", PARTS[i].name,
                                                   "found", f->parts[i], "purpose",
                                                   PARTS[i].purpose, "install", PARTS[i].install));
    json_object_set_new(o, "version", json_string(FR_VERSION));
    json_object_set_new(o, "host",
                        json_pack("{s:s, s:i, s:i, s:f, s:b}", "processor", f->host.model_name,
                                  "threads", f->host.n_threads, "sockets", f->host.n_sockets,
                                  "ram_bytes", f->host.ram_bytes, "virtual", f->host.is_virtual));
    json_object_set_new(o, "sensors", sensors);
    json_object_set_new(o, "kernels", json_string(fr_kernels_best()->name));
    json_object_set_new(o, "libraries", libraries);
    json_object_set_new(o, "ledger",
                        json_pack("{s:s, s:b, s:b}", "path", f->ledger, "exists", f->ledger_exists,
                                  "writable", f->ledger_writable));
    return o;
}

static void line(bool good, const char *name, const char *text)
{
    printf("  %s %-12s %s\n", good ? "✓" : "·", name, text);
}

static void print(const findings *f)
{
    const fr_host *h = &f->host;
    printf("frugal %s on %s, %d thread%s, %.1f GB%s\n\n", FR_VERSION,
           h->model_name[0] != '\0' ? h->model_name : "an unnamed processor", h->n_threads,
           h->n_threads == 1 ? "" : "s", h->ram_bytes * 1e-9,
           h->is_virtual ? ", a virtual machine" : "");
    printf("sensors of energy\n");
    bool counted = false;
    for (size_t i = 0; i < f->n_sensors; i++) {
        const fr_sensor_state *s = &f->sensors[i];
        line(s->usable, s->sensor, s->found);
        if (s->grant[0] != '\0')
            printf("    to grant access: %s\n", s->grant);
        counted |= s->usable && strncmp(s->sensor, "model", 5) != 0;
    }
    printf("  %s\n\n", counted ? "Figures are measured where a counter is, modelled elsewhere."
                               : "No counter: figures are modelled, and say so with their range.");
    printf("kernels\n");
    line(true, fr_kernels_best()->name, "chosen for this processor (FRUGAL_KERNELS overrules)");
    printf("\nloaded when needed\n");
    for (size_t i = 0; i < FR_COUNT_OF(PARTS); i++) {
        char text[192];
        snprintf(text, sizeof text, f->parts[i] ? "%s" : "missing (%s): %s", PARTS[i].purpose,
                 PARTS[i].install);
        line(f->parts[i], PARTS[i].name, text);
    }
    printf("\nledger\n");
    line(f->ledger_writable, f->ledger_exists ? "found" : "new", f->ledger);
    if (!f->ledger_writable)
        printf("    it cannot be written: runs go unrecorded; name another with --ledger FILE\n");
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    findings f = { 0 };
    fr_meter_options options = { .sysfs = fr_arg_text(cli, "sysfs", NULL),
                                 .procfs = fr_arg_text(cli, "procfs", NULL) };
    int rc = fr_cli_check_roots(cli, &err);
    fr_host_read(options.procfs, options.sysfs, &f.host);
    if (rc == 0)
        rc = fr_meter_survey(&options, f.sensors, SENSORS_MOST, &f.n_sensors, &err);
    for (size_t i = 0; i < FR_COUNT_OF(PARTS); i++)
        f.parts[i] = is_there(&PARTS[i]);
    look_at_ledger(cli, &f);
    if (rc == 0 && fr_cli_json(cli))
        rc = fr_cli_put_json(cli, json_of(&f)) == 0 ? 0 : FR_E_IO;
    else if (rc == 0)
        print(&f);
    free(f.ledger);
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_COMMAND_doctor = {
    .name = "doctor",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "tell what sensors, kernels and libraries there are, and what to do about the rest",
    .examples = "frugal doctor  # what can be measured here\n"
                "frugal doctor --json  # the same for a program",
};
