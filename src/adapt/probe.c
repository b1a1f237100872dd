#include "adapt/probe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/folder.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "infer/engine.h"
#include "train/train.h"

#define WINDOW_S      0.5 /* of prefill and of decode: CPU clocks count in hundredths */
#define PROMPT_TOKENS 128
#define HEAVY_FLOPS   1e9 /* per token; beyond it the probe reads fewer tokens */
#define TRAIN_MAX_S   20.0

static double seconds_since(int64_t start_ns)
{
    return (double)(fr_now_monotonic_ns() - start_ns) * 1e-9;
}

static fr_machine_rate rate_of(double flops, const fr_used *used)
{
    if (!(used->duration_s > 0) || !(used->total.value_j > 0))
        return (fr_machine_rate){ 0 };
    return (fr_machine_rate){ flops / used->duration_s, flops / used->total.value_j };
}

/* One request from ids; adds the FLOPs of what it computed. */
static int ask(fr_engine *engine, const int32_t *ids, size_t n, size_t n_new, double *prefill,
               double *decode, fr_err *err)
{
    const fr_shape *s = fr_model_shape(fr_engine_model(engine));
    uint64_t id = 0;
    fr_request request = { .ids = ids, .n_ids = n, .sampling = { .max_tokens = n_new } };
    FR_TRY(fr_engine_submit(engine, &request, &id, err));
    while (fr_engine_busy(engine))
        FR_TRY(fr_engine_step(engine, err));
    const fr_completion *done = fr_engine_result(engine, id);
    for (size_t i = 0; i < done->prompt_tokens; i++)
        *prefill += fr_shape_flops_per_token(s, i, i + 1 == done->prompt_tokens);
    for (size_t i = 1; i < done->completion_tokens; i++)
        *decode += fr_shape_flops_per_token(s, done->prompt_tokens + i, true);
    fr_engine_release(engine, id);
    return 0;
}

/* Requests of one shape until the window is long enough. */
static int probe_requests(fr_run *run, const char *name, fr_engine *engine, const fr_ids *ids,
                          size_t n, size_t n_new, fr_machine_rate *rate, fr_used *used, fr_err *err)
{
    fr_phase *phase = NULL;
    double prefill = 0, decode = 0;
    FR_TRY(fr_phase_begin(run, "phase", name, &phase, err));
    int64_t start_ns = fr_now_monotonic_ns();
    int rc = 0;
    do
        rc = ask(engine, ids->at, n, n_new, &prefill, &decode, err);
    while (rc == 0 && seconds_since(start_ns) < WINDOW_S);
    int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", used, rc == 0 ? err : NULL);
    FR_TRY(rc);
    FR_TRY(ended);
    *rate = rate_of(prefill + decode, used);
    return 0;
}

/* One optimizer step, into a folder that is removed again. */
static int probe_training(fr_run *run, const char *path, fr_str text, const char *scratch_dir,
                          int threads, const fr_progress *progress, fr_probe *out, fr_err *err)
{
    /* only whether to stop: the probe has its own words for how far it is */
    fr_progress quiet = { .stopped = progress != NULL ? progress->stopped : NULL,
                          .user = progress != NULL ? progress->user : NULL };
    enum { ROWS = 16, SEQUENCE = 128, TOKENS = 2048 };
    fr_example rows[ROWS];
    text.n = FR_MIN(text.n, (size_t)400);
    for (size_t i = 0; i < ROWS; i++)
        rows[i] = (fr_example){ .input = { NULL, 0 }, .output = text };
    char *adapter = fr_path_join(scratch_dir, "probe");
    fr_train_options options = { .method = FR_TRAIN_LORA,
                                 .base = path,
                                 .out = adapter,
                                 .train = rows,
                                 .n_train = ROWS,
                                 .sequence = SEQUENCE,
                                 .batch_tokens = 1024,
                                 .max_tokens = TOKENS,
                                 .seed = 1,
                                 .threads = threads,
                                 .progress = &quiet };
    fr_train_result result = { 0 };
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    int rc = fr_phase_begin(run, "phase", "probe-train", &phase, err);
    if (rc == 0) {
        rc = fr_train(&options, &result, err);
        int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, NULL);
        rc = rc != 0 ? rc : ended;
    }
    if (rc == 0 && result.duration_s > 0 && used.total.value_j > 0) {
        FR_AUTOPTR(fr_model) model = NULL;
        if (fr_model_open(path, &model, NULL) == 0) {
            double flops =
                fr_train_flops(FR_TRAIN_LORA, fr_model_shape(model), SEQUENCE, result.tokens);
            /* loading is in the phase's energy: joules by the time that training took */
            double watts = used.total.value_j / used.duration_s;
            out->train =
                (fr_machine_rate){ flops / result.duration_s, flops / (watts * result.duration_s) };
        }
    }
    fr_folder_remove(adapter);
    free(adapter);
    return rc;
}

static int open_timed(fr_run *run, const char *path, const fr_engine_options *options,
                      fr_engine **engine, fr_probe *out, fr_err *err)
{
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    FR_TRY(fr_phase_begin(run, "phase", "probe-load", &phase, err));
    int rc = fr_engine_open(path, options, engine, err);
    int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : NULL);
    FR_TRY(rc);
    FR_TRY(ended);
    out->load_s = used.duration_s;
    out->load_j = used.total.value_j;
    return 0;
}

int fr_probe_model(fr_run *run, const char *path, fr_str text, bool train, const char *scratch_dir,
                   int threads, const fr_progress *progress, fr_probe *out, double *idle_power_w,
                   char **name, fr_err *err)
{
    FR_AUTOPTR(fr_engine) engine = NULL;
    fr_engine_options options = { .threads = threads,
                                  .context = 512,
                                  .max_batch = 1,
                                  .no_prefix_cache = true,
                                  .work = fr_run_work(run) };
    fr_progress_step(progress, "probe", 0, 3, "measurements", "loading");
    FR_TRY(open_timed(run, path, &options, &engine, out, err));
    const fr_model *model = fr_engine_model(engine);
    if (name != NULL)
        *name = fr_dup(fr_model_name(model));
    size_t n = fr_shape_flops_per_token(fr_model_shape(model), 0, false) > HEAVY_FLOPS
                   ? PROMPT_TOKENS / 4
                   : PROMPT_TOKENS;
    FR_AUTO(fr_ids) ids = { 0 };
    FR_TRY(fr_tokenizer_encode(fr_model_tokenizer(model), text, FR_ENCODE_PLAIN, &ids, err));
    for (size_t i = 0, had = ids.n; had != 0 && ids.n < n; i++)
        fr_ids_put(&ids, ids.at[i % had]);
    if (ids.n == 0)
        return fr_fail(err, FR_E_FAILED, NULL, "no text to probe the model with");
    size_t context = fr_model_shape(model)->context;
    n = FR_MIN(FR_MIN(n, ids.n), context > 32 ? context - 32 : 1);
    fr_used used = { 0 };
    fr_progress_step(progress, "probe", 1, 3, "measurements", "reading");
    FR_TRY(probe_requests(run, "probe-prefill", engine, &ids, n, 1, &out->prefill, &used, err));
    if (used.duration_s > 0) {
        out->power_w = used.total.value_j / used.duration_s;
        if (idle_power_w != NULL)
            *idle_power_w = used.idle.value_j / used.duration_s;
    }
    fr_progress_step(progress, "probe", 2, 3, "measurements", "writing");
    FR_TRY(probe_requests(run, "probe-decode", engine, &ids, FR_MIN(n, (size_t)4), 16, &out->decode,
                          &used, err));
    double step_s = out->prefill.flop_per_s > 0
                        ? 3 * fr_train_flops(FR_TRAIN_LORA, fr_model_shape(model), 128, 2048) /
                              out->prefill.flop_per_s
                        : 0;
    fr_engine_free(engine);
    engine = NULL;
    /* half the speed of reading stands in where a step was not, or could not be, tried */
    out->train = (fr_machine_rate){ out->prefill.flop_per_s / 2, out->prefill.flop_per_j / 2 };
    if (train && step_s < TRAIN_MAX_S && !fr_progress_stopped(progress)) {
        fr_progress_step(progress, "probe", 3, 3, "measurements", "training");
        probe_training(run, path, text, scratch_dir, threads, progress, out, NULL);
    }
    return 0;
}

int fr_probe_machine(fr_run *run, double *power_w, double *idle_power_w, fr_err *err)
{
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    FR_TRY(fr_phase_begin(run, "phase", "probe", &phase, err));
    int64_t start_ns = fr_now_monotonic_ns();
    volatile double sum = 0;
    while (seconds_since(start_ns) < 0.1) {
        for (int i = 1; i < 1000; i++)
            sum = sum + 1.0 / i;
    }
    FR_TRY(fr_phase_end(phase, "done", &used, err));
    *power_w = used.duration_s > 0 ? used.total.value_j / used.duration_s : 0;
    *idle_power_w = used.duration_s > 0 ? used.idle.value_j / used.duration_s : 0;
    return 0;
}
