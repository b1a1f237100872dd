#include "cli/model_work.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "text/utf8.h"

enum { TEXT_BYTES = 1 << 30 };

static int positive(fr_cli *cli, const char *name, long long most, long long *out, fr_err *err)
{
    *out = fr_arg_i64(cli, name, 0);
    if (*out < 0 || *out > most || (*out == 0 && fr_arg_given(cli, name)))
        return fr_fail(err, FR_E_USAGE, NULL, "--%s takes a number from 1 to %lld, not %lld", name,
                       most, *out);
    return 0;
}

int fr_model_work_begin(fr_cli *cli, const char *kind, size_t batch, const char *adapter,
                        fr_model_work *w, fr_err *err)
{
    const char *path = NULL;
    long long threads = 0, context = 0;
    FR_TRY(fr_arg_need_text(cli, "model", &path, err));
    FR_TRY(positive(cli, "threads", 1024, &threads, err));
    FR_TRY(positive(cli, "context", 1 << 30, &context, err));
    FR_TRY(fr_op_profile_open(cli, &w->profile, err));
    FR_TRY(fr_cli_run_begin(cli, kind, path, &w->run, err));
    fr_phase *load = NULL;
    FR_TRY(fr_phase_begin(w->run, "load", path, &load, err));
    fr_engine_options options = { .threads = (int)threads,
                                  .context = (size_t)context,
                                  .max_batch = batch,
                                  .memory_bytes = fr_arg_f64(cli, "memory", 0) * 1e9,
                                  .kv = fr_arg_text(cli, "kv", NULL),
                                  .work = fr_op_profile_sink(w->profile, fr_run_work(w->run)) };
    int rc = fr_engine_open(path, &options, &w->engine, err);
    if (rc == 0 && adapter != NULL)
        rc = fr_adapter_open(fr_engine_model(w->engine), adapter, &w->adapter, err);
    int end_rc = fr_phase_end(load, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
    fr_op_profile_begin(w->profile, w->run);
    return rc != 0 ? rc : end_rc;
}

int fr_model_work_end(fr_model_work *w, const char *status, fr_err *err)
{
    fr_run *run = w->run;
    w->run = NULL;
    w->ended = true;
    int profile_rc = fr_op_profile_end(w->profile, &w->profiled, err);
    int rc = fr_run_end(run, status, strcmp(status, "done") == 0 ? 0 : 1, &w->used, NULL,
                        profile_rc == 0 ? err : NULL);
    return profile_rc != 0 ? profile_rc : rc;
}

void fr_model_work_fini(fr_model_work *w)
{
    if (w->engine != NULL)
        fr_engine_listen(w->engine, (fr_work_sink){ 0 });
    fr_op_profile_free(w->profile);
    if (w->run != NULL)
        fr_run_end(w->run, "failed", 1, NULL, NULL, NULL);
    fr_adapter_free(w->adapter);
    fr_engine_free(w->engine);
    *w = (fr_model_work){ 0 };
}

void fr_model_work_json(const fr_model_work *w, json_t *object)
{
    const fr_energy *e = &w->used.total;
    fr_json_put_energy(object, "energy_j", *e);
    json_object_set_new(object, "energy_low_j", fr_json_f64(e->low_j));
    json_object_set_new(object, "energy_high_j", fr_json_f64(e->high_j));
    json_object_set_new(object, "method", json_string(fr_method_name(e->method)));
    json_object_set_new(object, "cpu_s", fr_json_f64(w->used.cpu_s));
    json_object_set_new(object, "carbon_g", fr_json_f64(w->used.carbon.total_g));
    fr_op_profile_json(w->profile, &w->profiled, object);
}

void fr_model_work_text(const fr_model_work *w, char out[128])
{
    char energy[48], carbon[32];
    fr_text_energy(w->used.total, energy);
    fr_text_g(w->used.carbon.total_g, carbon);
    snprintf(out, 128, "%s (%s), %s", energy, fr_method_name(w->used.total.method), carbon);
}

int fr_text_given(fr_cli *cli, fr_buf *out, fr_err *err)
{
    out->limit_bytes = TEXT_BYTES;
    const char *text = fr_arg_text(cli, "prompt", NULL), *file = fr_arg_text(cli, "file", NULL);
    if (text != NULL && file != NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "both --prompt and --file say what the text is");
    if (text != NULL) {
        fr_buf_put_s(out, text);
        return 0;
    }
    if (file == NULL && isatty(STDIN_FILENO))
        return fr_fail(err, FR_E_USAGE, "Give it with --prompt TEXT or --file FILE, or on stdin.",
                       "no text is given");
    return fr_file_read(file != NULL ? file : "-", TEXT_BYTES, out, err);
}

json_t *fr_json_bytes(fr_str bytes)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = (size_t)3 << 30 };
    while (bytes.n > 0) {
        uint32_t c = 0;
        char good[4];
        size_t step = fr_utf8_next(bytes, &c);
        fr_buf_put(&text, good, fr_utf8_put(c, good));
        bytes = (fr_str){ bytes.at + step, bytes.n - step };
    }
    return json_stringn(fr_buf_text(&text), text.n);
}
