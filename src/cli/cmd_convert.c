/* frugal convert: a Hugging Face folder as one GGUF file. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "model/convert.h"

static const fr_option OPTIONS[] = {
    { "type", 0, FR_OPTION_TEXT, "TYPE", "number format of matrices (default: as in the folder)" },
    { "output-type", 0, FR_OPTION_TEXT, "TYPE",
      "of the matrix that makes logits (default: TYPE, at least q6_k)" },
    { "name", 0, FR_OPTION_TEXT, "NAME", "general.name of the file (default: the folder's name)" },
    { "threads", 't', FR_OPTION_I64, "N", "processor threads (default: all)" },
    { "tensors", 0, FR_OPTION_FLAG, NULL, "list every tensor (--json always does)" },
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

typedef struct {
    const char *folder, *out;
    fr_convert_options options;
} job;

static int read_type(const fr_cli *cli, const char *option, fr_format *out, fr_err *err)
{
    const char *name = fr_arg_text(cli, option, NULL);
    *out = FR_FORMAT_NONE;
    if (name == NULL || strcmp(name, "auto") == 0)
        return 0;
    const fr_format_row *row = fr_format_by_name(name);
    if (row == NULL)
        return fr_fail(err, FR_E_USAGE, FR_FORMAT_HINT, "'%s' is no number format", name);
    *out = row->format;
    return 0;
}

/* The last matrix makes every answer: below six bits a value it costs more than its bytes save. */
static fr_format output_format(fr_format type)
{
    const fr_format_row *q6 = fr_format_find(FR_FORMAT_Q6_K), *row = fr_format_find(type);
    return row != NULL && row->block_bytes * q6->block_values < q6->block_bytes * row->block_values
               ? FR_FORMAT_Q6_K
               : type;
}

static int read_options(fr_cli *cli, job *j, fr_err *err)
{
    size_t n;
    FR_TRY(fr_arg_need(cli, 0, "HF_DIR", &j->folder, err));
    FR_TRY(fr_arg_need(cli, 1, "OUT.gguf", &j->out, err));
    char **rest = fr_arg_rest(cli, &n);
    if (n > 2)
        return fr_fail(err, FR_E_USAGE, "It takes HF_DIR OUT.gguf.", "one argument too many: '%s'",
                       rest[2]);
    FR_TRY(read_type(cli, "type", &j->options.format, err));
    FR_TRY(read_type(cli, "output-type", &j->options.output, err));
    if (j->options.output == FR_FORMAT_NONE)
        j->options.output = output_format(j->options.format);
    j->options.name = fr_arg_text(cli, "name", NULL);
    long long threads = fr_arg_i64(cli, "threads", 0);
    if (threads < 0 || threads > 1024 || (threads == 0 && fr_arg_given(cli, "threads")))
        return fr_fail(err, FR_E_USAGE, NULL, "--threads takes a number from 1 to 1024, not %lld",
                       threads);
    return fr_pool_new((int)threads, &j->options.pool, err);
}

static json_t *json_tensors(const fr_converted *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_tensors; i++) {
        const fr_converted_tensor *t = &c->tensors[i];
        json_t *shape = json_array();
        for (size_t d = t->n_dims; d > 0; d--)
            json_array_append_new(shape, json_integer((json_int_t)t->dims[d - 1]));
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:I}", "name", t->name, "type",
                                              fr_format_any_name(t->format), "shape", shape,
                                              "size_bytes", (json_int_t)t->size_bytes));
    }
    return list;
}

static int put_json(fr_cli *cli, const job *j, const fr_converted *c, const fr_used *used)
{
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "folder", j->folder, "out",
                  j->out, "model_type", c->model_type, "architecture", c->architecture, "tokenizer",
                  c->tokenizer, "type", fr_format_any_name(c->mostly), "files",
                  (json_int_t)c->n_files, "params", (json_int_t)c->n_params, "vocab_tokens",
                  (json_int_t)c->n_vocab, "tensor_bytes", (json_int_t)c->size_bytes);
    json_t *notes = json_array();
    fr_str rest = fr_str_of(c->told), line;
    while (fr_str_next(&rest, '\n', &line))
        json_array_append_new(notes, json_stringn(line.at, line.n));
    json_object_set_new(o, "notes", notes);
    json_object_set_new(o, "tensors", json_tensors(c));
    fr_json_put_energy(o, "energy_j", used->total);
    json_object_set_new(o, "method", json_string(fr_method_name(used->total.method)));
    json_object_set_new(o, "cpu_s", fr_json_f64(used->cpu_s));
    json_object_set_new(o, "carbon_g", fr_json_f64(used->carbon.total_g));
    return fr_cli_put_json(cli, o);
}

static void print_all(const fr_cli *cli, const job *j, const fr_converted *c, const fr_used *used)
{
    char energy[48];
    for (size_t i = 0; fr_arg_flag(cli, "tensors") && i < c->n_tensors; i++) {
        const fr_converted_tensor *t = &c->tensors[i];
        printf("  %-32s %-6s %12llu bytes\n", t->name, fr_format_any_name(t->format),
               (unsigned long long)t->size_bytes);
    }
    printf("%s: %s, %zu tensors of %zu file%s, %.2f MB, mostly %s\n", j->out, c->architecture,
           c->n_tensors, c->n_files, c->n_files == 1 ? "" : "s", (double)c->size_bytes / 1e6,
           fr_format_any_name(c->mostly));
    printf("tokens  %zu, %s\n", c->n_vocab, c->tokenizer);
    fr_text_energy(used->total, energy);
    printf("took    %s (%s), %.2f CPU-seconds\n", energy, fr_method_name(used->total.method),
           used->cpu_s);
}

static int convert(fr_cli *cli, job *j, fr_converted *c, fr_used *used, fr_err *err)
{
    fr_run *run = NULL;
    FR_TRY(fr_cli_run_begin(cli, "convert", j->folder, &run, err));
    j->options.progress = fr_cli_progress(cli, run);
    int rc = fr_convert(j->folder, j->out, &j->options, c, err);
    int end_rc = fr_run_end(run, rc == 0 ? "done" : "failed", rc == 0 ? 0 : 1, used, NULL,
                            rc == 0 ? err : NULL);
    return rc != 0 ? rc : end_rc;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    job j = { 0 };
    fr_used used = { 0 };
    FR_AUTO(fr_converted) c = { 0 };
    int rc = read_options(cli, &j, &err);
    if (rc == 0)
        rc = convert(cli, &j, &c, &used, &err);
    fr_pool_free(j.options.pool);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    fr_str rest = fr_str_of(c.told), line;
    while (fr_str_next(&rest, '\n', &line))
        fr_cli_tell(cli, "%.*s", FR_STR_F(line));
    if (fr_cli_json(cli))
        return put_json(cli, &j, &c, &used);
    print_all(cli, &j, &c, &used);
    return 0;
}

const fr_command FR_COMMAND_convert = {
    .name = "convert",
    .run = run,
    .options = OPTIONS,
    .arguments = "HF_DIR OUT.gguf",
    .summary = "write a Hugging Face folder as one model file (GGUF)",
    .examples = "frugal convert Llama-3.2-1B llama.gguf  # nothing is lost: BF16 stays BF16\n"
                "frugal convert Qwen3-0.6B qwen3.gguf --type q8_0  # half the size\n"
                "frugal convert ./finetuned model.gguf --type f16 --json  # sizes and types\n",
    .more =
        "HF_DIR has config.json, model.safetensors (or shards with their index), and "
        "tokenizer.json "
        "or tokenizer.model; chat templates and special tokens beside them are taken along. Read "
        "are llama, mistral, mixtral, qwen2, qwen3, qwen3_moe, gemma, gemma2, gemma3, phi3, gpt2, "
        "gpt_neox, starcoder2, falcon, bert, nomic_bert, t5 and mt5. A setting or tensor that "
        "would change answers and "
        "has no "
        "place is refused by name.",
};
