/* What the commands that run a model share: options, a metered run around the engine, the figures
 * that close it. */
#ifndef FR_CLI_MODEL_WORK_H
#define FR_CLI_MODEL_WORK_H

#include "cli/cli.h"
#include "cli/op_profile.h"
#include "infer/engine.h"

#define FR_OPTIONS_MODEL                                                                           \
    { "model", 'm', FR_OPTION_TEXT, "FILE", "model file (GGUF)" },                                 \
        { "threads", 't', FR_OPTION_I64, "N", "processor threads (default: all)" },                \
        { "memory", 0, FR_OPTION_F64, "GB",                                                        \
          "take at most so much memory (default: what is there)" },                                \
        { "kv", 0, FR_OPTION_TEXT, "FORMAT",                                                       \
          "keys and values are kept in f32, f16 or q8_0 (default: as the model)" },                \
    {                                                                                              \
        "context", 0, FR_OPTION_I64, "N", "tokens of prompt and answer (default: the model's)"     \
    }

/* A run with an engine in it. Zero-initialized is closed. */
typedef struct {
    fr_run *run;
    fr_engine *engine;
    fr_adapter *adapter;
    fr_op_profile *profile; /* NULL: not asked for */
    fr_op_profile_summary profiled;
    bool ended;
    fr_used used; /* filled by fr_model_work_end() */
} fr_model_work;

/** Opens --model inside a new run of this kind. adapter: its folder or file; NULL: none. */
int fr_model_work_begin(fr_cli *cli, const char *kind, size_t batch, const char *adapter,
                        fr_model_work *w, fr_err *err);
/** Ends the run; the figures are in used from here. */
int fr_model_work_end(fr_model_work *w, const char *status, fr_err *err);
/** Ends a run that is still open as failed. */
void fr_model_work_fini(fr_model_work *w);
FR_AUTO_DEFINE(fr_model_work);

/** energy_j, energy_low_j, energy_high_j, method, carbon_g. */
void fr_model_work_json(const fr_model_work *w, json_t *object);
/** "~1.2 J (modelled), 0.1 mgCO2e", for the closing line. */
void fr_model_work_text(const fr_model_work *w, char out[128]);

/** Text of --prompt, else of --file, else of stdin when that is no terminal. Appended to out. */
int fr_text_given(fr_cli *cli, fr_buf *out, fr_err *err);
/** A JSON string of any bytes: those that are no UTF-8 become U+FFFD. */
json_t *fr_json_bytes(fr_str bytes);

#endif
