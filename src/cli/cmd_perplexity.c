/* frugal perplexity: how well a model predicts a text. */
#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/model_work.h"

static const fr_option OPTIONS[] = {
    FR_OPTIONS_MODEL,
    { "file", 'f', FR_OPTION_TEXT, "FILE", "the text (-: stdin)" },
    { "window", 'w', FR_OPTION_I64, "N",
      "tokens predicted from the same start (default: context)" },
    FR_OPTION_PROFILE,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

enum { WINDOWS_TOGETHER = 2 };

static int measure(fr_cli *cli, fr_model_work *w, fr_str text, double *nll, size_t *n, fr_err *err)
{
    long long window = fr_arg_i64(cli, "window", 0);
    if (window < 0 || (window < 2 && fr_arg_given(cli, "window")))
        return fr_fail(err, FR_E_USAGE, NULL, "--window takes 2 or more, not %lld", window);
    fr_phase *phase = NULL;
    FR_TRY(fr_phase_begin(w->run, "score", NULL, &phase, err));
    int rc =
        fr_engine_nll(w->engine, text, (size_t)window, nll, n, fr_cli_progress(cli, w->run), err);
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
    return rc != 0 ? rc : end_rc;
}

static int put(fr_cli *cli, const fr_model_work *w, double nll, size_t n, fr_err *err)
{
    double each = nll / (double)n, perplexity = exp(each);
    if (!fr_cli_json(cli)) {
        char took[128];
        fr_model_work_text(w, took);
        printf("perplexity  %.4f\nnll/token   %.6f\ntokens      %zu\ntook        %s\n", perplexity,
               each, n, took);
        return 0;
    }
    json_t *o = json_object();
    json_object_set_new(o, "perplexity", fr_json_f64(perplexity));
    json_object_set_new(o, "nll_per_token", fr_json_f64(each));
    json_object_set_new(o, "tokens", json_integer((json_int_t)n));
    fr_model_work_json(w, o);
    return fr_cli_put_json(cli, o) == 0 ? 0
                                        : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
}

static int perplexity(fr_cli *cli, fr_err *err)
{
    const char *model = NULL, *file = NULL;
    double nll = 0;
    size_t n = 0;
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTO(fr_model_work) work = { 0 };
    FR_TRY(fr_arg_need_text(cli, "model", &model, err));
    FR_TRY(fr_arg_need_text(cli, "file", &file, err));
    FR_TRY(fr_file_read(file, 1u << 30, &text, err));
    FR_TRY(fr_model_work_begin(cli, "perplexity", WINDOWS_TOGETHER, NULL, &work, err));
    FR_TRY(measure(cli, &work, fr_buf_str(&text), &nll, &n, err));
    if (n == 0)
        return fr_fail(err, FR_E_USAGE, "Give it a few sentences.",
                       "'%s' has no token to be predicted", file);
    fr_run_note(work.run, "quality", "perplexity", exp(nll / (double)n), NULL, NULL);
    FR_TRY(fr_model_work_end(&work, "done", err));
    fr_op_profile_tell(cli, work.profile, &work.profiled);
    return put(cli, &work, nll, n, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, perplexity(cli, &err), &err);
}

const fr_command FR_COMMAND_perplexity = {
    .name = "perplexity",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "tell how well a model predicts a text",
    .examples = "frugal perplexity -m model.gguf -f text.txt  # lower is better\n"
                "frugal perplexity -m model.gguf -f text.txt --window 512 --json  # comparable",
    .more = "The text is cut into windows; each begins with BOS where the vocabulary has one, else "
            "with the last token of the window before, and every other token is predicted once. "
            "Compare models by it only when they share a tokenizer and a window.",
};
