/* frugal train: a model from scratch, as a configuration file says. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/cli_train.h"
#include "train/train.h"

static const fr_option OPTIONS[] = {
    { "threads", 't', FR_OPTION_I64, "N", "threads (default: the file's, else all processors)" },
    FR_OPTION_PROFILE,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

static void tell(void *user, fr_log_level level, const char *line)
{
    (void)level;
    fr_cli_tell(user, "%s", line);
}

json_t *fr_train_json(const fr_train_result *r, const fr_used *used, const char *out)
{
    static const char *const STOPS[] = { "", "done", "early", "budget", "interrupted" };
    json_t *o = json_object();
    json_object_set_new(o, "loss_first", fr_json_f64(r->loss_first));
    json_object_set_new(o, "loss_last", fr_json_f64(r->loss_last));
    json_object_set_new(o, "dev_loss_first", fr_json_f64(r->dev_loss_first));
    json_object_set_new(o, "dev_loss_best", fr_json_f64(r->dev_loss_best));
    json_object_set_new(o, "steps", json_integer((json_int_t)r->steps));
    json_object_set_new(o, "tokens", json_integer((json_int_t)r->tokens));
    json_object_set_new(o, "trainable_params", json_integer((json_int_t)r->trainable_params));
    json_object_set_new(o, "total_params", json_integer((json_int_t)r->total_params));
    json_object_set_new(o, "tokens_per_s", fr_json_f64(r->tokens_per_s));
    json_object_set_new(o, "duration_s", fr_json_f64(r->duration_s));
    json_object_set_new(o, "cpu_s", fr_json_f64(r->cpu_s));
    json_object_set_new(o, "peak_rss_bytes", json_integer((json_int_t)r->peak_rss_bytes));
    json_object_set_new(o, "flops", fr_json_f64(r->flops));
    json_object_set_new(o, "stopped_by", json_string(STOPS[r->stopped_by]));
    fr_json_put_energy(o, "energy_j", used->total);
    json_object_set_new(o, "energy_low_j", fr_json_f64(used->total.low_j));
    json_object_set_new(o, "energy_high_j", fr_json_f64(used->total.high_j));
    json_object_set_new(o, "method", json_string(fr_method_name(used->total.method)));
    json_object_set_new(o, "out", json_string(out));
    return o;
}

void fr_train_print(const fr_train_result *r, const fr_used *used, const char *out)
{
    char energy[48], duration[FR_TIME_TEXT];
    fr_text_energy(used->total, energy);
    fr_duration_text(r->duration_s, duration);
    printf("%s\n", out);
    printf("  loss          %.3f to %.3f in %zu steps, %zu tokens\n", r->loss_first, r->loss_last,
           r->steps, r->tokens);
    if (r->dev_loss_best == r->dev_loss_best)
        printf("  dev loss      %.3f to %.3f%s\n", r->dev_loss_first, r->dev_loss_best,
               r->stopped_by == FR_STOP_EARLY ? " (stopped early, best weights kept)" : "");
    printf("  parameters    %llu trained of %llu\n", (unsigned long long)r->trainable_params,
           (unsigned long long)r->total_params);
    printf("  took          %s, %.0f tokens/s, %.0f MB of memory\n", duration, r->tokens_per_s,
           (double)r->peak_rss_bytes / 1e6);
    printf("  energy        %s (%s)\n", energy, fr_method_name(used->total.method));
}

int fr_train_finish(fr_cli *cli, fr_run *run, fr_op_profile *profile, int rc,
                    const fr_train_result *r, const char *out, fr_err *err)
{
    fr_used used = { .total = fr_energy_unknown() };
    const int exit_code = rc != 0 ? fr_err_exit_status(rc) : 0;
    if (rc == 0 || rc == FR_E_INTERRUPTED) {
        fr_run_note(run, "work", "tokens", (double)r->tokens, NULL, NULL);
        fr_run_note(run, "quality", "loss", r->loss_last, NULL, NULL);
    }
    fr_op_profile_summary profiled;
    const int profile_rc = fr_op_profile_end(profile, &profiled, rc == 0 ? err : NULL);
    fr_run_end(run,
               rc == 0                  ? "done"
               : rc == FR_E_INTERRUPTED ? "interrupted"
                                        : "failed",
               exit_code, &used, NULL, NULL);
    if (rc == 0 && profile_rc == 0)
        fr_op_profile_tell(cli, profile, &profiled);
    json_t *report = rc == 0 && fr_cli_json(cli) ? fr_train_json(r, &used, out) : NULL;
    if (report != NULL)
        fr_op_profile_json(profile, &profiled, report);
    fr_op_profile_free(profile);
    if (rc != 0 || profile_rc != 0) {
        json_decref(report);
        return fr_cli_fail(cli, rc != 0 ? rc : profile_rc, err);
    }
    if (report != NULL)
        return fr_cli_put_json(cli, report);
    fr_train_print(r, &used, out);
    return 0;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    fr_run *meter = NULL;
    fr_train_result result = { 0 };
    const char *config;
    char *out = NULL;
    int rc = fr_arg_need(cli, 0, "CONFIG.yaml", &config, &err);
    fr_op_profile *profile = NULL;
    if (rc == 0)
        rc = fr_op_profile_open(cli, &profile, &err);
    if (rc == 0)
        rc = fr_cli_run_begin(cli, "train", NULL, &meter, &err);
    if (rc != 0) {
        fr_op_profile_free(profile);
        return fr_cli_fail(cli, rc, &err);
    }
    fr_log_to(tell, cli, FR_LOG_INFO);
    const fr_work_sink work = fr_op_profile_sink(profile, fr_run_work(meter));
    fr_op_profile_begin(profile, meter);
    rc = fr_train_config(config, (int)fr_arg_i64(cli, "threads", 0), fr_cli_progress(cli, meter),
                         &work, &result, &out, &err);
    const int status =
        fr_train_finish(cli, meter, profile, rc, &result, out != NULL ? out : "", &err);
    free(out);
    return status;
}

const fr_command FR_COMMAND_train = {
    "train",
    run,
    OPTIONS,
    "CONFIG.yaml",
    "train a model from scratch",
    "frugal train models/recipe/train.yaml   # resumes where it was interrupted\n"
    "frugal train train.yaml --threads 2 --json",
    "CONFIG.yaml, with paths relative to it:\n"
    "\n"
    "  model: {architecture: llama, vocab: 4096, context: 1024, dim: 192, layers: 6, heads: 6,\n"
    "          kv_heads: 6, ffn: 512, tied: true}\n"
    "  tokenizer: {train: bpe, size: 4096, files: [text.jsonl]}   or {file: some.gguf}\n"
    "  seed: 1\n"
    "  optimizer: {lr: 0.003, beta1: 0.9, beta2: 0.95, weight_decay: 0.05, clip: 1.0,\n"
    "              warmup_steps: 100, schedule: cosine, final_ratio: 0.1}\n"
    "  stages:\n"
    "    - {name: first, mix: {copy.jsonl: 0.7, text.jsonl: 0.3}, sequence: 256,\n"
    "       batch_tokens: 8192, tokens: 3000000, until: {dev: dev.jsonl, loss: 0.5}}\n"
    "  out: model.gguf\n"
    "  format: f16                 # f32, f16, bf16, q8_0, q4_k …\n"
    "  checkpoint: {dir: ckpt, every_s: 120}\n"
    "\n"
    "Rows are {\"input\", \"output\"} (loss on the output) or {\"text\"} (loss everywhere). "
    "Ctrl-C\n"
    "writes a checkpoint; the same command goes on from it, to the same bits. Beside each\n"
    "checkpoint lies model.gguf, the model so far, and log.csv, every step.",
    false,
    NULL,
};
