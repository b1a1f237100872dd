/* Answers of an experiment as they come: one JSON object a line, so that nothing is asked twice. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/outcome.h"
#include "adapt/trials_priv.h"
#include "base/file.h"
#include "base/mem.h"

#define MOST_BYTES ((size_t)1 << 30)

static size_t slot_of(const fr_kept *k, uint64_t arm, uint64_t row)
{
    size_t i = (size_t)(arm * 0x9E3779B97F4A7C15u ^ row) & (k->n_slots - 1);
    while (k->slots[i] != 0 &&
           (k->at[k->slots[i] - 1].arm != arm || k->at[k->slots[i] - 1].row != row))
        i = (i + 1) & (k->n_slots - 1);
    return i;
}

static void grow(fr_kept *k)
{
    if (2 * (k->n + 1) <= k->n_slots)
        return;
    free(k->slots);
    k->n_slots = k->n_slots != 0 ? 2 * k->n_slots : 1024;
    k->slots = FR_NEW_N(size_t, k->n_slots);
    for (size_t i = 0; i < k->n; i++)
        k->slots[slot_of(k, k->at[i].arm, k->at[i].row)] = i + 1;
}

const fr_kept_answer *fr_kept_find(const fr_kept *k, uint64_t arm, uint64_t row)
{
    size_t at = k->n_slots != 0 ? k->slots[slot_of(k, arm, row)] : 0;
    return at != 0 ? &k->at[at - 1] : NULL;
}

/* The first answer of a row stays. */
static bool remember(fr_kept *k, const fr_kept_answer *a)
{
    if (fr_kept_find(k, a->arm, a->row) != NULL)
        return false;
    grow(k);
    FR_GROW(k->at, k->n, k->cap);
    k->at[k->n++] = *a;
    k->slots[slot_of(k, a->arm, a->row)] = k->n;
    return true;
}

json_t *fr_kept_json(const fr_kept_answer *a)
{
    char arm[20], row[20];
    snprintf(arm, sizeof(arm), "%016llx", (unsigned long long)a->arm);
    snprintf(row, sizeof(row), "%016llx", (unsigned long long)a->row);
    json_t *o = json_pack("{s:s, s:s}", "arm", arm, "row", row);
    json_object_set_new(o, "answer", a->answer != NULL ? json_string(a->answer) : json_null());
    json_object_set_new(o, "calls", json_integer((json_int_t)a->calls));
    json_object_set_new(o, "samples", json_integer((json_int_t)a->samples));
    json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)a->prompt_tokens));
    json_object_set_new(o, "cached_tokens", json_integer((json_int_t)a->cached_tokens));
    json_object_set_new(o, "completion_tokens", json_integer((json_int_t)a->completion_tokens));
    json_object_set_new(o, "duration_s", fr_json_number(a->duration_s));
    json_object_set_new(o, "cpu_s", fr_json_number(a->cpu_s));
    json_object_set_new(o, "energy_j", fr_json_number(a->energy_j));
    json_object_set_new(o, "energy_low_j", fr_json_number(a->energy_low_j));
    json_object_set_new(o, "energy_high_j", fr_json_number(a->energy_high_j));
    json_object_set_new(o, "method", json_string(fr_method_name(a->method)));
    return o;
}

static double number(const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static size_t count(const json_t *row, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(row, key));
    return n > 0 ? (size_t)n : 0;
}

static bool hex64(const json_t *row, const char *key, uint64_t *out)
{
    const char *text = json_string_value(json_object_get(row, key));
    char *end = NULL;
    if (text == NULL || strlen(text) != 16)
        return false;
    *out = strtoull(text, &end, 16);
    return *end == '\0';
}

bool fr_kept_from_json(const json_t *row, fr_kept_answer *out)
{
    fr_kept_answer a = { 0 };
    const json_t *answer = json_object_get(row, "answer");
    if (!hex64(row, "arm", &a.arm) || !hex64(row, "row", &a.row) ||
        (!json_is_string(answer) && !json_is_null(answer)))
        return false;
    a.answer = fr_dup(json_string_value(answer));
    a.calls = count(row, "calls");
    a.samples = count(row, "samples");
    a.prompt_tokens = count(row, "prompt_tokens");
    a.cached_tokens = count(row, "cached_tokens");
    a.completion_tokens = count(row, "completion_tokens");
    a.duration_s = number(row, "duration_s");
    a.cpu_s = number(row, "cpu_s");
    a.energy_j = number(row, "energy_j");
    a.energy_low_j = number(row, "energy_low_j");
    a.energy_high_j = number(row, "energy_high_j");
    const char *method = json_string_value(json_object_get(row, "method"));
    a.method = method != NULL ? fr_method_parse(method) : FR_METHOD_NONE;
    *out = a;
    return true;
}

int fr_kept_open(fr_kept *k, const char *path, fr_err *err)
{
    *k = (fr_kept){ .path = fr_dup(path) };
    if (!fr_file_exists(path))
        return 0;
    FR_AUTO(fr_buf) text = { 0 };
    FR_TRY(fr_file_read(path, MOST_BYTES, &text, err));
    fr_str rest = fr_buf_str(&text), line;
    for (size_t number = 1; fr_str_next(&rest, '\n', &line); number++) {
        if (fr_str_trim(line).n == 0)
            continue;
        json_t *row = json_loadb(line.at, line.n, 0, NULL);
        fr_kept_answer a;
        bool good = fr_kept_from_json(row, &a);
        json_decref(row);
        if (!good && rest.n == 0)
            break; /* whoever wrote it was ended in the middle of it */
        if (!good)
            return fr_fail(err, FR_E_FORMAT, "Move the file away to ask everything again.",
                           "line %zu of '%s' is no answer of an experiment", number, path);
        if (!remember(k, &a))
            free(a.answer);
    }
    return 0;
}

void fr_kept_fini(fr_kept *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->at[i].answer);
    free(k->at);
    free(k->slots);
    free(k->path);
    *k = (fr_kept){ 0 };
}

/* A line that was cut short before is ended, so that the next one stands alone. */
static int append(const char *path, fr_str lines, fr_err *err)
{
    FILE *f = fopen(path, "a+");
    if (f == NULL)
        return fr_fail_errno(err, NULL, "cannot write '%s'", path);
    bool fine;
    const bool is_cut = fseek(f, -1, SEEK_END) == 0 && fgetc(f) != '\n';
    fine = fseek(f, 0, SEEK_END) == 0 && (!is_cut || fputc('\n', f) != EOF);
    fine = fine && fwrite(lines.at, 1, lines.n, f) == lines.n && fflush(f) == 0 &&
           fdatasync(fileno(f)) == 0;
    int why = errno;
    if (fclose(f) != 0)
        fine = false;
    errno = why;
    return fine ? 0 : fr_fail_errno(err, NULL, "cannot write '%s'", path);
}

int fr_kept_put(fr_kept *k, const fr_kept_answer *a, size_t n, bool to_disk, fr_err *err)
{
    FR_AUTO(fr_buf) lines = { 0 };
    for (size_t i = 0; i < n; i++) {
        json_t *row = fr_kept_json(&a[i]);
        char *text = json_dumps(row, JSON_COMPACT);
        fr_buf_put_f(&lines, "%s\n", text);
        free(text);
        json_decref(row);
        if (!remember(k, &a[i]))
            free(a[i].answer);
    }
    return to_disk && n != 0 ? append(k->path, fr_buf_str(&lines), err) : 0;
}
