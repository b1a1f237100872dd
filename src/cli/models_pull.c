/* frugal models pull: a model from a hub or any address into the models folder. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/models_commands.h"
#include "net/download.h"
#include "net/http.h"

enum { FILES_MOST = 512, LIST_MOST_BYTES = 16 << 20 };

/* A file to fetch. Owned. */
typedef struct {
    char *name, *url, *path, *sha256; /* sha256 NULL: not stated */
    fr_downloaded got;
} pulled;

typedef struct {
    const char *ref, *hub, *revision;
    char *owner, *model, *file; /* of a hub reference; NULL: an address. Owned */
    char *folder;               /* where files go. Owned */
    char *token;                /* a header, or NULL. Owned */
    pulled *files;
    size_t n, cap;
    bool safetensors; /* a folder to be converted */
} job;

static void job_fini(job *j)
{
    for (size_t i = 0; i < j->n; i++) {
        free(j->files[i].name);
        free(j->files[i].url);
        free(j->files[i].path);
        free(j->files[i].sha256);
    }
    free(j->files);
    free(j->owner);
    free(j->model);
    free(j->file);
    free(j->folder);
    if (j->token != NULL)
        memset(j->token, 0, strlen(j->token));
    free(j->token);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* A relative path of plain names: what a server says stays inside the folder. */
static bool is_plain_path(fr_str path)
{
    fr_str rest = path, one;
    if (path.n == 0 || path.n > 512)
        return false;
    while (fr_str_next(&rest, '/', &one)) {
        if (one.n == 0 || one.n > 200 || one.at[0] == '.')
            return false;
        for (size_t i = 0; i < one.n; i++)
            if ((unsigned char)one.at[i] < 0x20 || one.at[i] == '\\' || one.at[i] == 0x7F)
                return false;
    }
    return true;
}

static void put_escaped(fr_buf *url, fr_str path)
{
    for (size_t i = 0; i < path.n; i++) {
        const unsigned char c = (unsigned char)path.at[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || strchr("-._~/", c) != NULL;
        if (plain && c != '\0')
            fr_buf_put_c(url, (char)c);
        else
            fr_buf_put_f(url, "%%%02X", c);
    }
}

static int add_file(job *j, fr_str name, char *url, const char *sha256, fr_err *err)
{
    if (!is_plain_path(name) || j->n >= FILES_MOST) {
        free(url);
        return fr_fail(err, FR_E_FORMAT, "Say --out DIR and a reference with the file's name.",
                       "'%.*s' is no name for a file here", (int)FR_MIN(name.n, (size_t)200),
                       name.at);
    }
    FR_GROW(j->files, j->n, j->cap);
    char *file = fr_str_dup(name);
    j->files[j->n++] = (pulled){
        .name = file, .url = url, .path = fr_path_join(j->folder, file), .sha256 = fr_dup(sha256)
    };
    return 0;
}

/* ---- references ------------------------------------------------------------------------------ */

static int wrong_ref(const job *j, fr_err *err)
{
    return fr_fail(err, FR_E_USAGE,
                   "It takes hf:OWNER/NAME, hf:OWNER/NAME/FILE (with @REVISION behind), or an "
                   "address.",
                   "'%.200s' is no reference to a model", j->ref);
}

static int read_hub_ref(job *j, fr_str ref, fr_err *err)
{
    fr_str owner, model;
    size_t at;
    if (fr_str_find(ref, FR_STR("@"), &at)) {
        if (at + 1 == ref.n)
            return wrong_ref(j, err);
        j->revision = ref.at + at + 1; /* to the end of the argument */
        ref.n = at;
    }
    if (!is_plain_path(ref) || !is_plain_path(fr_str_of(j->revision)))
        return wrong_ref(j, err);
    if (!fr_str_next(&ref, '/', &owner) || !fr_str_next(&ref, '/', &model))
        return wrong_ref(j, err);
    j->owner = fr_str_dup(owner);
    j->model = fr_str_dup(model);
    if (ref.at != NULL)
        j->file = fr_str_dup(ref);
    return 0;
}

static char *hub_url(const job *j, fr_str file)
{
    FR_AUTO(fr_buf) url = { 0 };
    fr_str hub = fr_str_of(j->hub);
    while (fr_str_ends(hub, FR_STR("/")))
        hub.n--;
    fr_buf_put_str(&url, hub);
    fr_buf_put_s(&url, file.n == 0 ? "/api/models/" : "/");
    put_escaped(&url, fr_str_of(j->owner));
    fr_buf_put_c(&url, '/');
    put_escaped(&url, fr_str_of(j->model));
    fr_buf_put_s(&url, file.n == 0 ? "/revision/" : "/resolve/");
    put_escaped(&url, fr_str_of(j->revision));
    fr_buf_put_s(&url, file.n == 0 ? "?blobs=true" : "/");
    put_escaped(&url, file);
    return fr_buf_take(&url);
}

/* ---- what a hub has -------------------------------------------------------------------------- */

/* Of a folder of safetensors: what `frugal convert` reads. */
static bool is_of_folder(fr_str name)
{
    static const char *const NAMES[] = { "config.json",           "generation_config.json",
                                         "tokenizer.json",        "tokenizer.model",
                                         "tokenizer_config.json", "special_tokens_map.json",
                                         "added_tokens.json",     "chat_template.json",
                                         "chat_template.jinja",   "model.safetensors.index.json" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++)
        if (fr_str_is(name, NAMES[i]))
            return true;
    return fr_str_starts(name, FR_STR("model")) && fr_str_ends(name, FR_STR(".safetensors")) &&
           memchr(name.at, '/', name.n) == NULL;
}

/* Parts of one file count as one: the number of the first. */
static bool is_first_or_only(fr_str name)
{
    size_t at;
    return !fr_str_find(name, FR_STR("-of-"), &at) || fr_str_find(name, FR_STR("-00001-of-"), &at);
}

static bool same_parts(fr_str a, fr_str b)
{
    size_t at, bt;
    return fr_str_find(a, FR_STR("-00001-of-"), &at) && fr_str_find(b, FR_STR("-of-"), &bt) &&
           bt >= 6 && at == bt - 6 && memcmp(a.at, b.at, at) == 0;
}

static fr_str name_of(const json_t *sibling)
{
    return fr_str_of(json_string_value(json_object_get(sibling, "rfilename")));
}

static int add_sibling(job *j, const json_t *sibling, fr_err *err)
{
    const json_t *lfs = json_object_get(sibling, "lfs");
    return add_file(j, name_of(sibling), hub_url(j, name_of(sibling)),
                    json_string_value(json_object_get(lfs, "sha256")), err);
}

static int several(const job *j, const json_t *siblings, fr_err *err)
{
    FR_AUTO(fr_buf) hint = { 0 };
    size_t i, shown = 0;
    json_t *one;
    fr_buf_put_f(&hint, "Name one: frugal models pull hf:%s/%s/FILE; there are", j->owner,
                 j->model);
    json_array_foreach((json_t *)siblings, i, one)
    {
        char size[24];
        fr_str name = name_of(one);
        if (!fr_str_ends(name, FR_STR(".gguf")) || !is_first_or_only(name) || shown++ >= 8)
            continue;
        fr_text_bytes(json_number_value(json_object_get(one, "size")), size);
        fr_buf_put_f(&hint, "%s %.*s (%s)", shown > 1 ? "," : "", FR_STR_F(name), size);
    }
    fr_buf_put_s(&hint, shown > 8 ? " and more." : ".");
    return fr_fail(err, FR_E_USAGE, fr_buf_text(&hint), "'%s' has several GGUF files", j->ref);
}

static int choose(job *j, const json_t *siblings, fr_err *err)
{
    fr_str only = { NULL, 0 };
    size_t i, n_gguf = 0, n_weights = 0;
    json_t *one;
    json_array_foreach((json_t *)siblings, i, one)
    {
        fr_str name = name_of(one);
        n_weights += is_of_folder(name) && fr_str_ends(name, FR_STR(".safetensors"));
        if (fr_str_ends(name, FR_STR(".gguf")) && is_first_or_only(name)) {
            n_gguf++;
            only = name;
        }
    }
    if (n_gguf > 1)
        return several(j, siblings, err);
    if (n_gguf == 0 && n_weights == 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "It takes GGUF files, or safetensors to convert.",
                       "'%s' has neither a GGUF file nor safetensors", j->ref);
    j->safetensors = n_gguf == 0;
    json_array_foreach((json_t *)siblings, i, one)
    {
        fr_str name = name_of(one);
        if (j->safetensors ? is_of_folder(name)
                           : fr_str_equal(name, only) || same_parts(only, name))
            FR_TRY(add_sibling(j, one, err));
    }
    return 0;
}

static int ask_hub(job *j, const fr_progress *progress, fr_err *err)
{
    char *url = hub_url(j, (fr_str){ "", 0 });
    const char *headers[] = { j->token, NULL };
    FR_AUTO(fr_http_response) got = { 0 };
    int rc = fr_http(&(fr_http_request){ .url = url,
                                         .headers = headers,
                                         .retries = 2,
                                         .limit_bytes = LIST_MOST_BYTES,
                                         .progress = progress },
                     &got, err);
    free(url);
    FR_TRY(rc);
    if (got.status == 401 || got.status == 403 || got.status == 404)
        return fr_fail(err, FR_E_NOT_FOUND,
                       "Check the name and the revision; a gated model needs its licence accepted "
                       "and HF_TOKEN set.",
                       "%s has no model '%s/%s' for you (HTTP %d)", j->hub, j->owner, j->model,
                       got.status);
    json_t *answer =
        got.status == 200 ? json_loadb(fr_buf_text(&got.body), got.body.n, 0, NULL) : NULL;
    const json_t *siblings = json_object_get(answer, "siblings");
    rc = json_is_array(siblings) ? choose(j, siblings, err)
                                 : fr_fail(err, FR_E_NETWORK, "Name the file: hf:OWNER/NAME/FILE.",
                                           "%s did not list the files of '%s/%s' (HTTP %d)", j->hub,
                                           j->owner, j->model, got.status);
    json_decref(answer);
    return rc;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int read_ref(fr_cli *cli, job *j, fr_err *err)
{
    const char *token = getenv("HF_TOKEN"), *endpoint = getenv("HF_ENDPOINT");
    const char *out = fr_arg_text(cli, "out", NULL);
    size_t n = 0;
    fr_arg_rest(cli, &n);
    FR_TRY(fr_arg_need(cli, 1, "REF", &j->ref, err));
    if (n > 2)
        return fr_fail(err, FR_E_USAGE, NULL, "one reference at a time");
    j->hub = fr_arg_text(
        cli, "hub", endpoint != NULL && endpoint[0] != '\0' ? endpoint : "https://huggingface.co");
    j->revision = fr_arg_text(cli, "revision", "main");
    char *models = fr_models_folder();
    fr_str ref = fr_str_of(j->ref);
    int rc = 0;
    if (fr_str_starts(ref, FR_STR("hf:"))) {
        rc = read_hub_ref(j, (fr_str){ ref.at + 3, ref.n - 3 }, err);
        if (token != NULL && token[0] != '\0')
            j->token = fr_dup_f("Authorization: Bearer %s", token);
    } else if (!fr_str_starts(ref, FR_STR("http://")) && !fr_str_starts(ref, FR_STR("https://"))) {
        rc = wrong_ref(j, err);
    }
    if (rc == 0 && j->owner != NULL && out == NULL) {
        char *owner = fr_path_join(models, j->owner);
        j->folder = fr_path_join(owner, j->model);
        free(owner);
    } else if (rc == 0) {
        j->folder = fr_dup(out != NULL ? out : models);
    }
    free(models);
    return rc;
}

static int find_files(job *j, const char *sha256, const fr_progress *progress, fr_err *err)
{
    if (j->owner != NULL && j->file == NULL)
        return ask_hub(j, progress, err);
    if (j->owner != NULL)
        return add_file(j, fr_str_of(j->file), hub_url(j, fr_str_of(j->file)), sha256, err);
    FR_AUTO(fr_buf) url = { 0 };
    fr_url_bare(j->ref, &url);
    fr_str rest = fr_buf_str(&url), one, last = { NULL, 0 };
    while (fr_str_next(&rest, '/', &one))
        last = one;
    return add_file(j, last, fr_dup(j->ref), sha256, err);
}

static int fetch_all(fr_cli *cli, job *j, const fr_progress *progress, fr_err *err)
{
    const char *headers[] = { j->token, NULL };
    for (size_t i = 0; i < j->n; i++) {
        pulled *f = &j->files[i];
        if (j->n > 1)
            fr_cli_tell(cli, "%s", f->name);
        FR_TRY(fr_download(&(fr_download_request){ .url = f->url,
                                                   .path = f->path,
                                                   .sha256 = f->sha256,
                                                   .headers = headers,
                                                   .again = fr_arg_flag(cli, "again"),
                                                   .progress = progress },
                           &f->got, err));
    }
    return 0;
}

static int put_json(fr_cli *cli, const job *j, const fr_used *used, fr_err *err)
{
    json_t *files = json_array();
    json_int_t bytes = 0;
    for (size_t i = 0; i < j->n; i++) {
        const pulled *f = &j->files[i];
        FR_AUTO(fr_buf) url = { 0 };
        fr_url_bare(f->url, &url);
        bytes += (json_int_t)f->got.received_bytes;
        json_array_append_new(files,
                              json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:b, s:b, s:i}", "name",
                                        f->name, "path", f->path, "url", fr_buf_text(&url),
                                        "size_bytes", (json_int_t)f->got.size_bytes,
                                        "received_bytes", (json_int_t)f->got.received_bytes,
                                        "sha256", f->got.sha256, "verified", f->got.verified,
                                        "was_there", f->got.was_there, "tries", f->got.tries));
    }
    json_t *o = json_pack("{s:s, s:s, s:b, s:I, s:o}", "ref", j->ref, "folder", j->folder,
                          "to_convert", j->safetensors, "received_bytes", bytes, "files", files);
    fr_json_put_energy(o, "energy_j", used->total);
    json_object_set_new(o, "method", json_string(fr_method_name(used->total.method)));
    json_object_set_new(o, "cpu_s", fr_json_f64(used->cpu_s));
    return fr_cli_put_json(cli, o) == 0 ? 0
                                        : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
}

static int show(fr_cli *cli, const job *j, const fr_used *used, fr_err *err)
{
    if (fr_cli_json(cli))
        return put_json(cli, j, used, err);
    for (size_t i = 0; i < j->n; i++) {
        const pulled *f = &j->files[i];
        char size[24];
        fr_text_bytes((double)f->got.size_bytes, size);
        printf("%s  %s, %s%s\n", f->path, size,
               f->got.verified ? "SHA-256 as stated" : "SHA-256 not stated by anybody",
               f->got.was_there ? ", was there" : "");
    }
    if (j->safetensors)
        fr_cli_tell(cli, "`frugal convert %s MODEL.gguf` makes a model file of it", j->folder);
    return 0;
}

int fr_models_pull(fr_cli *cli, fr_err *err)
{
    job j = { 0 };
    fr_run *run = NULL;
    fr_used used = { 0 };
    int rc = read_ref(cli, &j, err);
    if (rc == 0)
        rc = fr_cli_run_begin(cli, "pull", j.ref, &run, err);
    if (run != NULL) {
        const fr_progress *progress = fr_cli_progress(cli, run);
        rc = find_files(&j, fr_arg_text(cli, "sha256", NULL), progress, err);
        if (rc == 0 && j.n > 1 && fr_arg_given(cli, "sha256"))
            rc = fr_fail(err, FR_E_USAGE, "Name the file: hf:OWNER/NAME/FILE.",
                         "--sha256 is of one file, but '%s' has %zu", j.ref, j.n);
        if (rc == 0)
            rc = fetch_all(cli, &j, progress, err);
        int end_rc = fr_run_end(run, rc == 0 ? "done" : "failed", rc == 0 ? 0 : 1, &used, NULL,
                                rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : end_rc;
    }
    if (rc == 0)
        rc = show(cli, &j, &used, err);
    job_fini(&j);
    return rc;
}
