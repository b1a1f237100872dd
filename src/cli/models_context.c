/* frugal models context: the smallest context that a task needs, and what it holds in memory. */
#include "base/mem.h"
#include "choose/context_fit.h"
#include "cli/models_commands.h"

static json_t *json_fit(const fr_context_fit *f)
{
    json_t *o = json_object();
    const struct {
        const char *key;
        size_t value;
    } rows[] = {
        { "rows", f->n_rows },
        { "prompt_p50_tokens", f->p50_tokens },
        { "prompt_p95_tokens", f->p95_tokens },
        { "prompt_p99_tokens", f->p99_tokens },
        { "prompt_max_tokens", f->max_tokens },
        { "output_budget_tokens", f->output_tokens },
        { "context_all_tokens", f->all_tokens },
        { "context_99_tokens", f->most_tokens },
        { "model_context_tokens", f->model_tokens },
        { "kv_token_bytes", f->kv_token_bytes },
        { "kv_all_bytes", f->kv_token_bytes * f->all_tokens },
        { "kv_99_bytes", f->kv_token_bytes * f->most_tokens },
        { "kv_model_bytes", f->kv_token_bytes * f->model_tokens },
    };
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++)
        json_object_set_new(o, rows[i].key, json_integer((json_int_t)rows[i].value));
    json_object_set_new(o, "fits",
                        json_boolean(f->model_tokens == 0 || f->all_tokens <= f->model_tokens));
    return o;
}

static void print_line(const char *what, size_t tokens, const fr_context_fit *f)
{
    char bytes[24];
    fr_text_bytes((double)(tokens * f->kv_token_bytes), bytes);
    printf("%-28s %8zu tokens %10s of keys and values\n", what, tokens, bytes);
}

static void print_fit(const fr_context_fit *f, const char *model)
{
    printf(
        "%zu rows: prompts of %zu (median), %zu (95%%), %zu (99%%), %zu (longest) tokens; answers "
        "up to %zu\n",
        f->n_rows, f->p50_tokens, f->p95_tokens, f->p99_tokens, f->max_tokens, f->output_tokens);
    print_line("context that fits all rows", f->all_tokens, f);
    print_line("context for 99 of 100", f->most_tokens, f);
    if (f->model_tokens != 0)
        print_line("the model's own", f->model_tokens, f);
    if (f->model_tokens != 0 && f->all_tokens > f->model_tokens)
        printf("the longest rows do not fit this model.\n");
    else
        printf("use it: frugal generate -m %s --context %zu …\n", model, f->all_tokens);
}

int fr_models_context(fr_cli *cli, fr_err *err)
{
    const char *model = NULL, *rows = NULL;
    fr_context_fit fit;
    FR_TRY(fr_arg_need(cli, 1, "a model file", &model, err));
    FR_TRY(fr_arg_need(cli, 2, "a task file or rows (JSONL, CSV)", &rows, err));
    fr_str name = fr_str_of(rows);
    if (fr_str_ends(name, FR_STR(".yaml")) || fr_str_ends(name, FR_STR(".yml"))) {
        FR_AUTOPTR(fr_task) task = NULL;
        FR_TRY(fr_task_load(rows, &task, err));
        FR_TRY(
            fr_context_fit_of_task(model, task, (uint64_t)fr_arg_i64(cli, "seed", 1), &fit, err));
    } else {
        FR_TRY(fr_context_fit_of_data(model, rows, &fit, err));
    }
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, json_fit(&fit)) == 0
                   ? 0
                   : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
    print_fit(&fit, model);
    return 0;
}
