/* frugal models curve: what a token takes by size and length, on this machine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "choose/curve.h"
#include "cli/models_commands.h"

enum { LENGTHS_MOST = 16 };

char *fr_models_curve_path(void)
{
    char *data = fr_path_data();
    char *out = fr_path_join(data, "energy_curve.json");
    free(data);
    return out;
}

/* --lengths 64,256,1024: rising. */
static int read_lengths(fr_cli *cli, size_t lengths[LENGTHS_MOST], size_t *n, fr_err *err)
{
    const char *text = fr_arg_text(cli, "lengths", "64,256,1024,4096");
    fr_str rest = fr_str_of(text), piece;
    long long v = 0;
    *n = 0;
    while (fr_str_next(&rest, ',', &piece)) {
        bool ok = fr_str_to_i64(fr_str_trim(piece), &v) && v > 0 && v < 1 << 24 &&
                  *n < LENGTHS_MOST && (*n == 0 || (size_t)v > lengths[*n - 1]);
        if (!ok)
            return fr_fail(err, FR_E_USAGE, "As 64,256,1024: up to 16 of them.",
                           "--lengths takes rising numbers of tokens, not '%s'", text);
        lengths[(*n)++] = (size_t)v;
    }
    return *n != 0 ? 0 : fr_fail(err, FR_E_USAGE, NULL, "--lengths names no length");
}

static int measure(fr_cli *cli, fr_curve *c, fr_err *err)
{
    size_t lengths[LENGTHS_MOST], n_lengths = 0, n = 0;
    char **rest = fr_arg_rest(cli, &n);
    fr_run *run = NULL;
    FR_TRY(read_lengths(cli, lengths, &n_lengths, err));
    if (n < 2)
        return 0;
    FR_TRY(fr_cli_run_begin(cli, "models", "curve", &run, err));
    fr_curve_options options = { .run = run,
                                 .lengths = lengths,
                                 .n_lengths = n_lengths,
                                 .measure_s = fr_arg_f64(cli, "measure", 0),
                                 .threads = (int)fr_arg_i64(cli, "threads", 0),
                                 .progress = fr_cli_progress(cli, run) };
    int rc = 0;
    for (size_t i = 1; rc == 0 && i < n; i++)
        rc = fr_curve_measure(&options, rest[i], c, err);
    fr_cli_progress(cli, NULL);
    fr_err dropped = { 0 };
    int ended =
        fr_run_end(run, rc == 0 ? "done" : "failed", rc != 0, NULL, NULL, rc == 0 ? err : &dropped);
    return rc != 0 ? rc : ended;
}

static json_t *json_fit(const fr_curve_fit *f)
{
    json_t *o = json_object();
    json_object_set_new(o, "fixed_s", fr_json_f64(f->fixed_s));
    json_object_set_new(o, "weight_s_per_byte", fr_json_f64(f->weight_s_per_byte));
    json_object_set_new(o, "kv_s_per_byte", fr_json_f64(f->kv_s_per_byte));
    json_object_set_new(o, "j_per_cpu_s", fr_json_f64(f->j_per_cpu_s));
    json_object_set_new(o, "worst_ratio", fr_json_f64(f->worst_ratio));
    return o;
}

static void print_curve(const fr_curve *c, const fr_curve_fit *f, const char *path)
{
    printf("%-24s %9s %9s  %14s %14s %12s\n", "model", "params", "length", "read CPU s",
           "write CPU s", "write J");
    for (size_t i = 0; i < c->n; i++) {
        const fr_curve_point *p = &c->at[i];
        char params[24], joules[32];
        fr_text_count(p->params, params);
        fr_text_j(p->write_j, joules);
        printf("%-24.24s %9s %9.0f  %14.3g %14.3g %s%11s\n", p->model, params, p->length,
               p->read_cpu_s, p->write_cpu_s, p->measured ? " " : "~", joules);
    }
    if (!isnan(f->fixed_s))
        printf(
            "a written token: %.3g CPU s, %.3g more a GB of weights, %.3g a GB of keys and values "
            "(worst point off by %.0f%%).\n",
            f->fixed_s, f->weight_s_per_byte * 1e9, f->kv_s_per_byte * 1e9, 100 * f->worst_ratio);
    printf("CPU-seconds are of this machine (grade B); ~ joules are modelled. kept in %s\n", path);
}

static int put_svg(fr_cli *cli, const fr_curve *c, fr_err *err)
{
    const char *path = fr_arg_text(cli, "svg", NULL);
    FR_AUTO(fr_buf) out = { 0 };
    if (path == NULL)
        return 0;
    fr_curve_svg(c, &out);
    return fr_file_write(path, fr_buf_str(&out), err);
}

static int curve(fr_cli *cli, const char *path, fr_err *err)
{
    FR_AUTO(fr_curve) c = { 0 };
    FR_TRY(fr_curve_read(path, &c, err));
    FR_TRY(measure(cli, &c, err));
    if (c.n == 0)
        return fr_fail(err, FR_E_NOT_FOUND,
                       "Measure some: frugal models curve small.gguf large.gguf",
                       "no curve was measured on this machine yet");
    FR_TRY(fr_curve_write(&c, path, err));
    FR_TRY(put_svg(cli, &c, err));
    fr_curve_fit f = fr_curve_fit_of(&c);
    if (!fr_cli_json(cli)) {
        print_curve(&c, &f, path);
        return 0;
    }
    json_t *o = fr_curve_json(&c);
    json_object_set_new(o, "fit", json_fit(&f));
    json_object_set_new(o, "file", json_string(path));
    return fr_cli_put_json(cli, o) == 0 ? 0
                                        : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
}

int fr_models_curve(fr_cli *cli, fr_err *err)
{
    char *path = fr_models_curve_path();
    int rc = curve(cli, path, err);
    free(path);
    return rc;
}
