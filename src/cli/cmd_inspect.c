/* frugal inspect: what is in a model file: sizes, number formats, metadata, tensors. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/model_work.h"
#include "model/gguf.h"
#include "model/safetensors.h"

static const fr_option OPTIONS[] = {
    { "tensors", 't', FR_OPTION_FLAG, NULL, "list every tensor (--json always does)" },
    FR_OPTIONS_END,
};

/* Either kind of file; the other one is NULL. */
typedef struct {
    const char *path;
    fr_gguf *gguf;
    fr_safetensors *safetensors;
    uint64_t parameters, tensor_bytes;
} inspected;

static void inspected_fini(inspected *f)
{
    fr_gguf_free(f->gguf);
    fr_safetensors_free(f->safetensors);
}
FR_AUTO_DEFINE(inspected);

static size_t n_tensors(const inspected *f)
{
    return f->gguf != NULL ? fr_gguf_n_tensors(f->gguf) : fr_safetensors_n(f->safetensors);
}

static const fr_tensor *tensor_at(const inspected *f, size_t i)
{
    return f->gguf != NULL ? fr_gguf_tensor_at(f->gguf, i) : fr_safetensors_at(f->safetensors, i);
}

static uint64_t n_values(const fr_tensor *t)
{
    return t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3];
}

static const char *format_name(const fr_tensor *t)
{
    return t->format == FR_FORMAT_NONE ? "other" : fr_format_any_name(t->format);
}

/* "12.3 MB": decimal, as file managers and vendors count. */
static const char *size_text(uint64_t bytes, char out[24])
{
    static const char *const UNITS[] = { "bytes", "kB", "MB", "GB", "TB" };
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1000 && unit + 1 < FR_COUNT_OF(UNITS); unit++)
        size /= 1000;
    snprintf(out, 24, unit == 0 ? "%.0f %s" : "%.1f %s", size, UNITS[unit]);
    return out;
}

static int open_file(inspected *f, fr_err *err)
{
    if (fr_str_ends(fr_str_of(f->path), FR_STR(".safetensors")))
        FR_TRY(fr_safetensors_open(f->path, &f->safetensors, err));
    else
        FR_TRY(fr_gguf_open(f->path, &f->gguf, err));
    for (size_t i = 0; i < n_tensors(f); i++) {
        f->parameters += n_values(tensor_at(f, i));
        f->tensor_bytes += tensor_at(f, i)->size_bytes;
    }
    return 0;
}

/* One line a number format, in order of first appearance. */
typedef struct {
    const char *name;
    size_t tensors;
    uint64_t parameters, bytes;
} tally;

enum { TALLIES = 48 };

static size_t count_formats(const inspected *f, tally tallies[TALLIES])
{
    size_t n = 0;
    for (size_t i = 0; i < n_tensors(f); i++) {
        const fr_tensor *t = tensor_at(f, i);
        size_t k = 0;
        for (; k < n && strcmp(tallies[k].name, format_name(t)) != 0; k++)
            ;
        if (k == TALLIES)
            continue;
        n = FR_MAX(n, k + 1);
        tallies[k].name = format_name(t);
        tallies[k].tensors++;
        tallies[k].parameters += n_values(t);
        tallies[k].bytes += t->size_bytes;
    }
    return n;
}

static json_t *json_metadata(const inspected *f)
{
    FR_AUTO(fr_buf) value = { 0 };
    json_t *metadata = json_object();
    for (size_t i = 0; f->gguf != NULL && i < fr_gguf_n_keys(f->gguf); i++) {
        fr_str key;
        const char *type;
        fr_buf_clear(&value);
        fr_gguf_key_at(f->gguf, i, &key, &type, &value);
        char *name = fr_str_dup(key);
        json_object_set_new(
            metadata, name,
            json_pack("{s:s, s:o}", "type", type, "value", fr_json_bytes(fr_buf_str(&value))));
        free(name);
    }
    return metadata;
}

static int put_json(fr_cli *cli, const inspected *f)
{
    tally tallies[TALLIES] = { 0 };
    json_t *tensors = json_array(), *formats = json_object();
    for (size_t i = 0; i < n_tensors(f); i++) {
        const fr_tensor *t = tensor_at(f, i);
        json_t *shape = json_array();
        for (size_t d = t->n_dims; d > 0; d--)
            json_array_append_new(shape, json_integer((json_int_t)t->dims[d - 1]));
        json_array_append_new(tensors,
                              json_pack("{s:o, s:s, s:o, s:I}", "name", fr_json_bytes(t->name),
                                        "type", format_name(t), "shape", shape, "size_bytes",
                                        (json_int_t)t->size_bytes));
    }
    for (size_t i = 0, n = count_formats(f, tallies); i < n; i++)
        json_object_set_new(formats, tallies[i].name,
                            json_pack("{s:I, s:I, s:I}", "tensors", (json_int_t)tallies[i].tensors,
                                      "parameters", (json_int_t)tallies[i].parameters, "size_bytes",
                                      (json_int_t)tallies[i].bytes));
    json_t *whole = json_pack(
        "{s:s, s:s, s:I, s:I}", "file", f->path, "format", f->gguf != NULL ? "GGUF" : "safetensors",
        "parameters", (json_int_t)f->parameters, "tensor_bytes", (json_int_t)f->tensor_bytes);
    if (f->gguf != NULL) {
        json_object_set_new(whole, "version", json_integer(fr_gguf_version(f->gguf)));
        json_object_set_new(whole, "files", json_integer((json_int_t)fr_gguf_n_parts(f->gguf)));
        json_object_set_new(whole, "size_bytes",
                            json_integer((json_int_t)fr_gguf_size_bytes(f->gguf)));
    }
    json_object_set_new(whole, "types", formats);
    json_object_set_new(whole, "metadata", json_metadata(f));
    json_object_set_new(whole, "tensors", tensors);
    return fr_cli_put_json(cli, whole);
}

static void print_metadata(const fr_gguf *g)
{
    FR_AUTO(fr_buf) value = { 0 };
    for (size_t i = 0; i < fr_gguf_n_keys(g); i++) {
        fr_str key;
        const char *type;
        fr_buf_clear(&value);
        fr_gguf_key_at(g, i, &key, &type, &value);
        printf("  %-40.*s %-7s %s\n", FR_STR_F(key), type, fr_buf_text(&value));
    }
}

static void print_tensors(const inspected *f)
{
    printf("\ntensors\n");
    for (size_t i = 0; i < n_tensors(f); i++) {
        const fr_tensor *t = tensor_at(f, i);
        printf("  %-40.*s %-7s", FR_STR_F(t->name), format_name(t));
        for (size_t d = t->n_dims; d > 0; d--)
            printf("%s%llu", d == t->n_dims ? " " : " × ", (unsigned long long)t->dims[d - 1]);
        printf("\n");
    }
}

static void print_all(const inspected *f, bool list)
{
    tally tallies[TALLIES] = { 0 };
    char size[24];
    printf("%s: ", f->path);
    if (f->gguf != NULL)
        printf("GGUF version %u, ", fr_gguf_version(f->gguf));
    if (f->gguf != NULL && fr_gguf_n_parts(f->gguf) > 1)
        printf("%zu files, ", fr_gguf_n_parts(f->gguf));
    if (f->gguf == NULL)
        printf("safetensors, ");
    printf("%zu tensors, %llu parameters, %s\n", n_tensors(f), (unsigned long long)f->parameters,
           size_text(f->tensor_bytes, size));
    for (size_t i = 0, n = count_formats(f, tallies); i < n; i++)
        printf(
            "  %-8s %5zu tensors %14llu parameters %12s%s\n", tallies[i].name, tallies[i].tensors,
            (unsigned long long)tallies[i].parameters, size_text(tallies[i].bytes, size),
            fr_format_by_name(tallies[i].name) != NULL ? "" : "  (frugal cannot compute with it)");
    if (f->gguf != NULL) {
        printf("\nmetadata\n");
        print_metadata(f->gguf);
    }
    if (list)
        print_tensors(f);
}

static int run(fr_cli *cli)
{
    FR_AUTO(inspected) f = { 0 };
    fr_err err = { 0 };
    int rc = fr_arg_need(cli, 0, "FILE", &f.path, &err);
    if (rc == 0)
        rc = open_file(&f, &err);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    if (fr_cli_json(cli))
        return put_json(cli, &f);
    print_all(&f, fr_arg_flag(cli, "tensors"));
    return 0;
}

const fr_command FR_COMMAND_inspect = {
    "inspect",
    run,
    OPTIONS,
    "FILE",
    "show what is in a model file: sizes, number formats, metadata, tensors",
    "frugal inspect model.gguf\n"
    "frugal inspect model.gguf --tensors  # every tensor with its shape, rows first\n"
    "frugal inspect adapter/adapter_model.safetensors --json\n",
    NULL,
    false,
    NULL,
};
