/* One file of a history store: what stands in it, and how it is held against its name.
 *
 *   versions/ID.json      ID: SHA-256 of the file's bytes
 *   tags/ID.json
 *   results/KEY.ID16.json KEY: fr_history_key(); ID16: the first 16 digits of ID
 *
 *   {
 *     "schema": 1, "kind": "version" | "result" | "tag", "author": …, "time":
 * "2026-11-29T14:20:33.120Z", "name": …, "parent": ID, "message": …, "task": …,          version
 * (parent: tag too) "model": {"hash": …, "name": …}, "parameters": {…},        version, result
 *     "prompt": {"form": …, "main": PATH, "files": {PATH: [LINE, …]}},
 *     "quality": {"metric", "better": "higher" | "lower", "value", "low", "high", "n", "data"},
 *     "cost": {"energy_j", "energy_low_j", "energy_high_j", "method", "source", "cpu_s", "calls",
 *              "prompt_tokens", "completion_tokens"},
 *     "detail": …,                                               result: whatever was kept
 *     "tag": …, "version": ID                                    tag
 *   }
 *
 * Keys are sorted and each value has a line of its own; a prompt's text is a list of lines. So a
 * version reads well in a review, and nothing of it is hidden behind escapes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "prompt/history_priv.h"
#include "text/utf8.h"

static const char *const FOLDERS[] = { NULL, "versions", "results", "tags" };
static const char *const KINDS[] = { NULL, "version", "result", "tag" };

const char *fr_history_folder(fr_history_kind kind)
{
    return FOLDERS[kind];
}

fr_history_outcome fr_history_outcome_none(void)
{
    return (fr_history_outcome){
        .value = NAN, .low = NAN, .high = NAN, .energy = fr_energy_unknown(), .cpu_s = NAN
    };
}

bool fr_history_is_id(const char *text)
{
    return strlen(text) == FR_HISTORY_ID - 1 &&
           strspn(text, "0123456789abcdef") == FR_HISTORY_ID - 1;
}

/* ---- writing ----------------------------------------------------------------------------- */

void fr_history_set(json_t *o, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(o, key, json_string(text));
}

static const char *author_of_environment(void)
{
    static const char *const NAMES[] = { "FRUGAL_AUTHOR", "GIT_AUTHOR_NAME", "USER", "LOGNAME" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        const char *name = getenv(NAMES[i]);
        if (name != NULL && name[0] != '\0' && fr_utf8_valid(fr_str_of(name)))
            return name;
    }
    return "unknown";
}

/* To the millisecond; SOURCE_DATE_EPOCH says it for who wants the same files again. */
static void time_now(char out[FR_TIME_TEXT])
{
    long long fixed = 0;
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    int64_t now = fr_now_unix_ns();
    if (epoch != NULL && fr_str_to_i64(fr_str_of(epoch), &fixed) && fixed >= 0 &&
        fixed < 9000000000)
        now = fixed * 1000000000;
    fr_time_text(now, out);
    size_t n = strlen(out) - 1; /* the Z */
    snprintf(out + n, FR_TIME_TEXT - n, ".%03dZ", (int)(now / 1000000 % 1000));
}

json_t *fr_history_head(fr_history_kind kind, const char *author)
{
    char now[FR_TIME_TEXT];
    time_now(now);
    return json_pack("{s:i, s:s, s:s, s:s}", "schema", 1, "kind", KINDS[kind], "author",
                     author != NULL && fr_utf8_valid(fr_str_of(author)) ? author
                                                                        : author_of_environment(),
                     "time", now);
}

static json_t *lines_of(fr_str text)
{
    json_t *lines = json_array();
    for (;;) {
        const char *end = memchr(text.at, '\n', text.n);
        size_t n = end != NULL ? (size_t)(end - text.at) : text.n;
        json_array_append_new(lines, json_stringn(text.at, n));
        if (end == NULL)
            return lines;
        text = (fr_str){ end + 1, text.n - n - 1 };
    }
}

int fr_history_prompt(const char *form, const char *main, const json_t *files, json_t **out,
                      fr_err *err)
{
    json_t *all = json_object();
    const char *path;
    json_t *text;
    json_object_foreach((json_t *)(uintptr_t)files, path, text)
    {
        fr_str s = { json_string_value(text), json_string_length(text) };
        if (memchr(s.at, '\0', s.n) != NULL) {
            json_decref(all);
            return fr_fail(err, FR_E_FORMAT, "A prompt is text.", "'%s' has a NUL character in it",
                           path);
        }
        json_object_set_new(all, path, lines_of(s));
    }
    *out = json_pack("{s:s, s:s, s:o}", "form", form != NULL ? form : "text", "main", main, "files",
                     all);
    return 0;
}

static int hash_json(const json_t *o, char hex[FR_HISTORY_ID], fr_err *err)
{
    char *text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
    if (text == NULL)
        return fr_fail(err, FR_E_FORMAT, NULL, "this is not valid UTF-8 throughout");
    int rc = fr_sha256(text, strlen(text), hex, err);
    free(text);
    return rc;
}

int fr_history_prompt_hash(const json_t *prompt, char hex[FR_HISTORY_ID], fr_err *err)
{
    json_t *files = json_object_get(prompt, "files"), *o = json_object();
    json_object_set(o, "form", json_object_get(prompt, "form"));
    if (json_object_size(files) == 1) {
        json_object_set(o, "text", json_object_iter_value(json_object_iter(files)));
    } else {
        json_object_set(o, "main", json_object_get(prompt, "main"));
        json_object_set(o, "files", files);
    }
    int rc = hash_json(o, hex, err);
    json_decref(o);
    return rc;
}

json_t *fr_history_model(const char *hash, const char *name)
{
    if (hash == NULL && name == NULL)
        return NULL;
    json_t *o = json_object();
    fr_history_set(o, "hash", hash);
    fr_history_set(o, "name", name);
    return o;
}

static void set_f64(json_t *o, const char *key, double v)
{
    if (isfinite(v))
        json_object_set_new(o, key, json_real(v));
}

static void set_count(json_t *o, const char *key, size_t n)
{
    if (n != 0)
        json_object_set_new(o, key, json_integer((json_int_t)n));
}

void fr_history_put_outcome(json_t *o, const fr_history_outcome *outcome)
{
    json_t *quality = json_object(), *cost = json_object();
    if (outcome->metric != NULL && isfinite(outcome->value)) {
        fr_history_set(quality, "metric", outcome->metric);
        fr_history_set(quality, "better", outcome->lower_is_better ? "lower" : "higher");
        set_f64(quality, "value", outcome->value);
        set_f64(quality, "low", outcome->low);
        set_f64(quality, "high", outcome->high);
        set_count(quality, "n", outcome->n);
        fr_history_set(quality, "data", outcome->data_hash);
    }
    if (isfinite(outcome->energy.value_j)) {
        set_f64(cost, "energy_j", outcome->energy.value_j);
        set_f64(cost, "energy_low_j", outcome->energy.low_j);
        set_f64(cost, "energy_high_j", outcome->energy.high_j);
        fr_history_set(cost, "method", fr_method_name(outcome->energy.method));
        fr_history_set(cost, "source", outcome->energy.source);
    }
    set_f64(cost, "cpu_s", outcome->cpu_s);
    set_count(cost, "calls", outcome->calls);
    set_count(cost, "prompt_tokens", outcome->prompt_tokens);
    set_count(cost, "completion_tokens", outcome->completion_tokens);
    if (json_object_size(quality) != 0)
        json_object_set(o, "quality", quality);
    if (json_object_size(cost) != 0)
        json_object_set(o, "cost", cost);
    json_decref(quality);
    json_decref(cost);
}

/* A copy in which reals that are whole numbers are integers. */
static json_t *whole_numbers(const json_t *v)
{
    const char *key;
    json_t *each, *out;
    size_t i;
    if (json_is_object(v)) {
        out = json_object();
        json_object_foreach((json_t *)(uintptr_t)v, key, each)
            json_object_set_new(out, key, whole_numbers(each));
        return out;
    }
    if (json_is_array(v)) {
        out = json_array();
        json_array_foreach((json_t *)(uintptr_t)v, i, each)
            json_array_append_new(out, whole_numbers(each));
        return out;
    }
    double real = json_real_value(v);
    if (json_is_real(v) && real == floor(real) && fabs(real) < 9007199254740992.0)
        return json_integer((json_int_t)real);
    return json_deep_copy(v);
}

json_t *fr_history_parameters(const json_t *parameters)
{
    return parameters != NULL ? whole_numbers(parameters) : json_object();
}

void fr_history_dump(const json_t *o, fr_buf *out)
{
    char *text = json_dumps(o, JSON_SORT_KEYS | JSON_INDENT(1));
    fr_buf_put_s(out, text != NULL ? text : "");
    fr_buf_put_c(out, '\n');
    free(text);
}

int fr_history_write(fr_history *h, fr_history_kind kind, const char *key, const json_t *o,
                     char id[FR_HISTORY_ID], fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    char own[FR_HISTORY_ID];
    fr_history_dump(o, &text);
    FR_TRY(fr_sha256(fr_buf_text(&text), text.n, own, err));
    char *name = key != NULL
                     ? fr_dup_f("%s/%s.%.*s.json", FOLDERS[kind], key, FR_HISTORY_SHORT, own)
                     : fr_dup_f("%s/%s.json", FOLDERS[kind], own);
    int rc = fr_history_put(h, name, fr_buf_str(&text), NULL, err);
    free(name);
    if (rc == 0 && id != NULL)
        memcpy(id, own, FR_HISTORY_ID);
    return rc;
}

/* ---- reading ----------------------------------------------------------------------------- */

static int damaged(const char *name, const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT,
                   "Get it again from where the store came from, or remove this file.", "%s: %s",
                   name, what);
}

/* Where each kind may stand, and the digits in its name. */
static int read_name(const char *name, fr_history_entry *e, char digits[FR_HISTORY_ID], fr_err *err)
{
    for (fr_history_kind k = FR_HISTORY_VERSION; k <= FR_HISTORY_TAG; k++) {
        size_t n = strlen(FOLDERS[k]);
        if (strncmp(name, FOLDERS[k], n) == 0 && name[n] == '/')
            e->kind = k;
    }
    size_t want = e->kind == FR_HISTORY_RESULT ? FR_HISTORY_SHORT : FR_HISTORY_ID - 1;
    if (e->kind == FR_HISTORY_NONE)
        return damaged(name, "not the name of a version, result or tag", err);
    const char *at = strchr(name, '/') + 1;
    size_t n = strlen(at), key = e->kind == FR_HISTORY_RESULT ? FR_HISTORY_ID : 0;
    bool good = n == key + want + 5 && strcmp(at + n - 5, ".json") == 0 &&
                strspn(at + key, "0123456789abcdef") == want;
    if (good && key != 0)
        good = at[key - 1] == '.' && strspn(at, "0123456789abcdef") == key - 1;
    if (!good)
        return damaged(name, "the name is not made of the digits that it should be", err);
    snprintf(digits, FR_HISTORY_ID, "%.*s", (int)want, at + key);
    if (key != 0)
        snprintf(e->key, sizeof(e->key), "%.*s", FR_HISTORY_ID - 1, at);
    return 0;
}

/* Text under a key; false when something else stands there. */
static bool take_text(const json_t *o, const char *key, const char **out)
{
    const json_t *v = json_object_get(o, key);
    if (v != NULL && !json_is_string(v))
        return false;
    *out = json_string_value(v);
    return *out == NULL || strlen(*out) == json_string_length(v);
}

static bool take_f64(const json_t *o, const char *key, double *out)
{
    const json_t *v = json_object_get(o, key);
    if (v != NULL && !json_is_number(v))
        return false;
    if (v != NULL)
        *out = json_number_value(v);
    return true;
}

static bool take_count(const json_t *o, const char *key, size_t *out)
{
    const json_t *v = json_object_get(o, key);
    if (v != NULL && (!json_is_integer(v) || json_integer_value(v) < 0))
        return false;
    if (v != NULL)
        *out = (size_t)json_integer_value(v);
    return true;
}

/* A path below a folder, which cannot lead out of it. */
static bool is_below(const char *path)
{
    if (path[0] == '\0' || path[0] == '/')
        return false;
    for (fr_str rest = fr_str_of(path), part; fr_str_next(&rest, '/', &part);)
        if (part.n == 0 || fr_str_is(part, ".") || fr_str_is(part, ".."))
            return false;
    return path[strlen(path) - 1] != '/';
}

static bool take_prompt(fr_history_entry *e)
{
    const json_t *p = json_object_get(e->root, "prompt");
    e->files = json_object_get(p, "files");
    if (!take_text(p, "form", &e->form) || !take_text(p, "main", &e->main) || e->form == NULL ||
        e->main == NULL || !json_is_object(e->files) || json_object_get(e->files, e->main) == NULL)
        return false;
    const char *path;
    json_t *lines, *line;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)e->files, path, lines)
    {
        if (!is_below(path) || !json_is_array(lines) || json_array_size(lines) == 0)
            return false;
        json_array_foreach(lines, i, line)
        {
            if (!json_is_string(line) ||
                strlen(json_string_value(line)) != json_string_length(line))
                return false;
        }
    }
    return true;
}

static bool take_outcome(fr_history_entry *e)
{
    const json_t *q = json_object_get(e->root, "quality"), *c = json_object_get(e->root, "cost");
    fr_history_outcome *o = &e->outcome;
    const char *better = NULL, *method = NULL;
    bool good =
        (q == NULL || json_is_object(q)) && (c == NULL || json_is_object(c)) &&
        take_text(q, "metric", &o->metric) && take_text(q, "better", &better) &&
        take_f64(q, "value", &o->value) && take_f64(q, "low", &o->low) &&
        take_f64(q, "high", &o->high) && take_count(q, "n", &o->n) &&
        take_text(q, "data", &o->data_hash) && take_f64(c, "energy_j", &o->energy.value_j) &&
        take_f64(c, "energy_low_j", &o->energy.low_j) &&
        take_f64(c, "energy_high_j", &o->energy.high_j) && take_text(c, "method", &method) &&
        take_text(c, "source", &o->energy.source) && take_f64(c, "cpu_s", &o->cpu_s) &&
        take_count(c, "calls", &o->calls) && take_count(c, "prompt_tokens", &o->prompt_tokens) &&
        take_count(c, "completion_tokens", &o->completion_tokens);
    o->lower_is_better = better != NULL && strcmp(better, "lower") == 0;
    o->energy.method = method != NULL ? fr_method_parse(method) : FR_METHOD_NONE;
    return good;
}

static bool is_id_or_null(const char *text)
{
    return text == NULL || fr_history_is_id(text);
}

static bool take_fields(fr_history_entry *e)
{
    const json_t *r = e->root, *model = json_object_get(r, "model");
    const char *kind = NULL;
    if (!json_is_object(r) || json_integer_value(json_object_get(r, "schema")) != 1 ||
        !take_text(r, "kind", &kind) || kind == NULL || strcmp(kind, KINDS[e->kind]) != 0 ||
        !take_text(r, "author", &e->author) || !take_text(r, "time", &e->time) || e->time == NULL ||
        !take_text(r, "parent", &e->parent) || !is_id_or_null(e->parent) ||
        !take_text(r, "name", &e->name))
        return false;
    if (e->kind == FR_HISTORY_TAG)
        return take_text(r, "tag", &e->tag) && take_text(r, "version", &e->tagged) &&
               is_id_or_null(e->tagged) && e->tag != NULL && e->name != NULL;
    e->parameters = json_object_get(r, "parameters");
    e->detail = json_object_get(r, "detail");
    return (model == NULL || json_is_object(model)) && take_text(model, "hash", &e->model_hash) &&
           take_text(model, "name", &e->model_name) && take_text(r, "message", &e->message) &&
           take_text(r, "task", &e->task) &&
           (e->parameters == NULL || json_is_object(e->parameters)) && take_prompt(e) &&
           take_outcome(e) && (e->kind == FR_HISTORY_RESULT || e->name != NULL);
}

/* The prompt's hash, which is not in the file; and a result's key once more. */
static int check_key(fr_history_entry *e, const char *name, fr_err *err)
{
    char key[FR_HISTORY_ID];
    if (e->kind == FR_HISTORY_TAG)
        return 0;
    FR_TRY(fr_history_prompt_hash(json_object_get(e->root, "prompt"), e->prompt_hash, err));
    if (e->kind != FR_HISTORY_RESULT)
        return 0;
    if (e->model_hash == NULL || e->outcome.data_hash == NULL || e->outcome.metric == NULL)
        return damaged(name, "a result without model, data or metric", err);
    FR_TRY(fr_history_key_of(e->prompt_hash, e->model_hash, e->outcome.data_hash, e->outcome.metric,
                             e->parameters, key, err));
    return strcmp(key, e->key) == 0 ? 0 : damaged(name, "the key is another experiment's", err);
}

int fr_history_parse(fr_str bytes, const char *name, fr_history_entry **out, fr_err *err)
{
    FR_AUTOPTR(fr_history_entry) e = FR_NEW(fr_history_entry);
    char digits[FR_HISTORY_ID];
    json_error_t error;
    e->outcome = fr_history_outcome_none();
    FR_TRY(read_name(name, e, digits, err));
    if (bytes.n > FR_HISTORY_MOST_BYTES)
        return damaged(name, "larger than 32 MiB", err);
    FR_TRY(fr_sha256(bytes.at, bytes.n, e->id, err));
    if (strncmp(e->id, digits, strlen(digits)) != 0)
        return damaged(name, "what stands in it is not what its name says: it was changed", err);
    e->root = json_loadb(bytes.at, bytes.n, JSON_REJECT_DUPLICATES, &error);
    if (e->root == NULL)
        return damaged(name, error.text, err);
    if (!take_fields(e))
        return damaged(name, "not an entry of this kind and schema", err);
    FR_TRY(check_key(e, name, err));
    if (out != NULL) {
        *out = e;
        e = NULL;
    }
    return 0;
}

void fr_history_entry_free(fr_history_entry *e)
{
    if (e == NULL)
        return;
    json_decref(e->root);
    free(e->path);
    free(e);
}

char *fr_history_file_name(const fr_history_entry *e)
{
    if (e->kind == FR_HISTORY_RESULT)
        return fr_dup_f("%s/%s.%.*s.json", FOLDERS[e->kind], e->key, FR_HISTORY_SHORT, e->id);
    return fr_dup_f("%s/%s.json", FOLDERS[e->kind], e->id);
}

int fr_history_load(const char *dir, const char *name, fr_history_entry **out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    char *path = fr_path_join(dir, name);
    int rc = fr_file_read(path, FR_HISTORY_MOST_BYTES, &text, err);
    if (rc == 0)
        rc = fr_history_parse(fr_buf_str(&text), name, out, err);
    if (rc == 0)
        (*out)->path = path;
    else
        free(path);
    return rc;
}

int fr_history_text(const fr_history_entry *e, const char *file, fr_buf *out, fr_err *err)
{
    const json_t *lines = json_object_get(e->files, file != NULL ? file : e->main);
    json_t *line;
    size_t i;
    if (lines == NULL)
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "there is no '%s' in %.12s",
                       file != NULL ? file : e->main, e->id);
    json_array_foreach((json_t *)(uintptr_t)lines, i, line)
    {
        if (i != 0)
            fr_buf_put_c(out, '\n');
        fr_buf_put(out, json_string_value(line), json_string_length(line));
    }
    return 0;
}
