/* frugal generate: a completion, shown as it comes, with what it took. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/model_work.h"
#include "cli/sampling_args.h"

enum { DEFAULT_TOKENS = 128 };

static const fr_option OPTIONS[] = {
    FR_OPTIONS_MODEL,
    { "prompt", 'p', FR_OPTION_TEXT, "TEXT", "what to go on from" },
    { "file", 'f', FR_OPTION_TEXT, "FILE", "read the prompt there (-: stdin, the default)" },
    { "tokens", 'n', FR_OPTION_I64, "N",
      "at most N tokens (default 128; 0: to the context's end)" },
    FR_OPTIONS_SAMPLING,
    { "no-special", 0, FR_OPTION_FLAG, NULL, "no BOS, and control tokens in the prompt are text" },
    { "adapter", 0, FR_OPTION_TEXT, "DIR", "add a LoRA adapter (PEFT folder or GGUF)" },
    FR_OPTION_PROFILE,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

static void show(void *user, fr_str piece)
{
    (void)user;
    fwrite(piece.at, 1, piece.n, stdout);
    fflush(stdout);
}

static int generate(fr_cli *cli, fr_model_work *w, const fr_request *r, uint64_t *id, fr_err *err)
{
    fr_phase *phase = NULL;
    FR_TRY(fr_phase_begin(w->run, "generate", NULL, &phase, err));
    int rc = fr_engine_submit(w->engine, r, id, err);
    while (rc == 0 && fr_engine_busy(w->engine)) {
        rc = fr_engine_step(w->engine, err);
        if (fr_cli_stopped(cli))
            fr_engine_cancel(w->engine, *id);
    }
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
    return rc != 0 ? rc : end_rc;
}

static json_t *json_of(const fr_model_work *w, const fr_completion *c)
{
    json_t *o = json_object(), *ids = json_array();
    for (size_t i = 0; i < c->completion_tokens; i++)
        json_array_append_new(ids, json_integer(c->ids[i]));
    json_object_set_new(o, "text", json_string(c->text));
    json_object_set_new(o, "ids", ids);
    json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)c->prompt_tokens));
    json_object_set_new(o, "completion_tokens", json_integer((json_int_t)c->completion_tokens));
    json_object_set_new(o, "finish_reason", json_string(fr_finish_name(c->finish)));
    json_object_set_new(o, "timing",
                        json_pack("{s:f, s:f, s:f}", "load_s", fr_engine_load_s(w->engine),
                                  "prefill_s", c->prefill_s, "decode_s", c->decode_s));
    fr_model_work_json(w, o);
    return o;
}

static void tell(fr_cli *cli, const fr_model_work *w, const fr_completion *c)
{
    char took[128];
    fr_model_work_text(w, took);
    double rate = c->decode_s > 0 && c->completion_tokens > 1
                      ? (double)(c->completion_tokens - 1) / c->decode_s
                      : 0;
    fr_cli_tell(cli, "%zu + %zu tokens, ended by %s, %.0f tokens/s; with loading %s",
                c->prompt_tokens, c->completion_tokens, fr_finish_name(c->finish), rate, took);
}

/* The text is out already (or, with --json, comes now); what it took follows. */
static int finish(fr_cli *cli, fr_model_work *w, uint64_t id, fr_err *err)
{
    const fr_completion *c = fr_engine_result(w->engine, id);
    bool cut = c->finish == FR_FINISH_CANCELLED;
    if (!fr_cli_json(cli))
        putchar('\n');
    fr_run_note(w->run, "work", "prompt_tokens", (double)c->prompt_tokens, NULL, NULL);
    fr_run_note(w->run, "work", "completion_tokens", (double)c->completion_tokens, NULL, NULL);
    FR_TRY(fr_model_work_end(w, cut ? "interrupted" : "done", err));
    fr_op_profile_tell(cli, w->profile, &w->profiled);
    if (!fr_cli_json(cli))
        tell(cli, w, c);
    else if (fr_cli_put_json(cli, json_of(w, c)) != 0)
        return fr_fail(err, FR_E_IO, NULL, "cannot write the output");
    return cut ? fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu tokens",
                         c->completion_tokens)
               : 0;
}

static int generate_all(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_buf) prompt = { 0 };
    FR_AUTO(fr_sampling_args) sampling = { 0 }; /* outlives the engine's requests */
    FR_AUTO(fr_model_work) work = { 0 };
    const char *model = NULL;
    uint64_t id = 0;
    FR_TRY(fr_arg_need_text(cli, "model", &model, err));
    FR_TRY(fr_sampling_args_read(cli, DEFAULT_TOKENS, 0, 0, &sampling, err));
    FR_TRY(fr_text_given(cli, &prompt, err));
    FR_TRY(fr_model_work_begin(cli, "generate", 1, fr_arg_text(cli, "adapter", NULL), &work, err));
    fr_request r = { .prompt = fr_buf_str(&prompt),
                     .no_special = fr_arg_flag(cli, "no-special"),
                     .sampling = sampling.sampling,
                     .adapter = work.adapter,
                     .on_text = fr_cli_json(cli) ? NULL : show };
    FR_TRY(generate(cli, &work, &r, &id, err));
    return finish(cli, &work, id, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, generate_all(cli, &err), &err);
}

const fr_command FR_COMMAND_generate = {
    .name = "generate",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "go on from a prompt, and tell what it took",
    .examples =
        "frugal generate -m model.gguf -p \"Once upon a time\" -n 64  # the most likely text\n"
        "frugal generate -m model.gguf -p Dear --temp 0.8 --top-p 0.95 --seed 7  # drawn\n"
        "frugal generate -m model.gguf -f prompt.txt --stop '\\n\\n' --json  # for a program",
    .more =
        "Text is shown as it comes; Ctrl-C keeps it. It does not depend on the number of threads. "
        "Cut-offs apply in the order top-k, top-p, min-p; of equals the lower id comes first. "
        "In --stop, \\n, \\t and \\\\ stand for line end, tab and backslash.",
};
