/* Stores of prompts' history: folders of files that never change. */
#include "prompt/history.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"
#include "prompt/history_priv.h"

enum { NAME_MOST = 64, WORD_MOST = 256 };

int fr_history_open(const char *const *dirs, size_t n, fr_history **out, fr_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (fr_file_exists(dirs[i]) && !fr_dir_exists(dirs[i]))
            return fr_fail(err, FR_E_FORMAT, "Name the store's folder.", "'%s' is not a folder",
                           dirs[i]);
    fr_history *h = FR_NEW(fr_history);
    h->dirs = FR_NEW_N(char *, n);
    for (; h->n_dirs < n; h->n_dirs++)
        h->dirs[h->n_dirs] = fr_dup(dirs[h->n_dirs]);
    *out = h;
    return 0;
}

void fr_history_free(fr_history *h)
{
    if (h == NULL)
        return;
    fr_names_free(h->dirs, h->n_dirs);
    free(h);
}

const char *fr_history_dir(const fr_history *h)
{
    return h->dirs[0];
}

/* ---- writing ----------------------------------------------------------------------------- */

/* Under a name that nobody else has, then renamed: two who write the same file write the same. */
static int write_there(const char *folder, const char *path, fr_str bytes, fr_err *err)
{
    char own[FR_ULID_TEXT];
    FR_TRY(fr_dir_make(folder, err));
    fr_ulid(own);
    char *part = fr_dup_f("%s/.%s.new", folder, own);
    int rc = fr_file_write(part, bytes, err);
    if (rc == 0 && rename(part, path) != 0)
        rc = fr_fail_errno(err, NULL, "cannot write '%s'", path);
    if (rc != 0)
        unlink(part);
    int fd = rc == 0 ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd); /* the name outlives a power cut as well; where that cannot be had, so be it */
        close(fd);
    }
    free(part);
    return rc;
}

int fr_history_put(fr_history *h, const char *name, fr_str bytes, bool *is_new, fr_err *err)
{
    FR_TRY(fr_history_parse(bytes, name, NULL, err));
    char *path = fr_path_join(h->dirs[0], name), *folder = fr_path_dir(path);
    fr_history_entry *there = NULL;
    /* one that was damaged is written again */
    bool have = fr_file_exists(path) && fr_history_load(h->dirs[0], name, &there, NULL) == 0;
    int rc = have ? 0 : write_there(folder, path, bytes, err);
    if (is_new != NULL)
        *is_new = rc == 0 && !have;
    fr_history_entry_free(there);
    free(folder);
    free(path);
    return rc;
}

static bool is_name(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MOST || !isalnum((unsigned char)name[0]))
        return false;
    for (; *name != '\0'; name++)
        if (!isalnum((unsigned char)*name) && strchr("._-", *name) == NULL)
            return false;
    return true;
}

static int check_name(const char *name, const char *what, fr_err *err)
{
    if (name != NULL && is_name(name))
        return 0;
    return fr_fail(err, FR_E_USAGE,
                   "Letters, digits and . _ - , at most 64, beginning with a letter or digit.",
                   "'%.80s' cannot be the name of a %s", name != NULL ? name : "", what);
}

/* ---- all of a kind ----------------------------------------------------------------------- */

void fr_history_list_fini(fr_history_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        fr_history_entry_free(list->at[i]);
    free(list->at);
    fr_names_free(list->damaged, list->n_damaged);
    *list = (fr_history_list){ 0 };
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(fr_history_entry *const *)a)->id, (*(fr_history_entry *const *)b)->id);
}

static int by_time(const void *a, const void *b)
{
    const fr_history_entry *x = *(fr_history_entry *const *)a, *y = *(fr_history_entry *const *)b;
    int order = strcmp(x->time, y->time);
    return order != 0 ? order : strcmp(x->id, y->id);
}

static int read_store(const char *dir, fr_history_kind kind, fr_history_list *out, fr_err *err)
{
    char **names = NULL;
    size_t n = 0;
    char *folder = fr_path_join(dir, fr_history_folder(kind));
    int rc = fr_dir_exists(folder) ? fr_dir_list(folder, &names, &n, err) : 0;
    for (size_t i = 0; i < n; i++) {
        if (names[i][0] == '.')
            continue; /* being written, or left by one who was stopped while writing */
        fr_err why = { 0 };
        fr_history_entry *e = NULL;
        char *name = fr_dup_f("%s/%s", fr_history_folder(kind), names[i]);
        if (fr_history_load(dir, name, &e, &why) == 0) {
            FR_GROW(out->at, out->n, out->cap);
            out->at[out->n++] = e;
        } else {
            FR_GROW(out->damaged, out->n_damaged, out->cap_damaged);
            out->damaged[out->n_damaged++] = fr_dup_f("%s/%s", dir, why.what);
        }
        free(name);
    }
    fr_names_free(names, n);
    free(folder);
    return rc;
}

static size_t find_id(fr_history_entry *const *sorted, size_t n, const char *id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(sorted[middle]->id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && strcmp(sorted[low]->id, id) == 0 ? low : n;
}

/* By time, but no child before its parent (clocks differ): whoever comes puts its ancestors first.
 */
static void order(fr_history_entry **at, size_t n)
{
    fr_history_entry **by_time_of = FR_NEW_N(fr_history_entry *, n);
    bool *out_already = FR_NEW_N(bool, n);
    size_t *chain = FR_NEW_N(size_t, n), n_out = 0;
    memcpy(by_time_of, at, n * sizeof(*at));
    fr_sort(by_time_of, n, sizeof(*at), by_time);
    fr_history_entry **sorted = FR_NEW_N(fr_history_entry *, n);
    memcpy(sorted, at, n * sizeof(*at));
    fr_sort(sorted, n, sizeof(*sorted), by_id);
    for (size_t i = 0; i < n; i++) {
        size_t n_chain = 0, k = find_id(sorted, n, by_time_of[i]->id);
        while (k < n && !out_already[k] && n_chain < n) {
            out_already[k] = true;
            chain[n_chain++] = k;
            k = sorted[k]->parent != NULL ? find_id(sorted, n, sorted[k]->parent) : n;
        }
        while (n_chain > 0)
            at[n_out++] = sorted[chain[--n_chain]];
    }
    free(sorted);
    free(chain);
    free(out_already);
    free(by_time_of);
}

int fr_history_all(fr_history *h, fr_history_kind kind, fr_history_list *out, fr_err *err)
{
    size_t from = out->n;
    for (size_t i = 0; i < h->n_dirs; i++)
        FR_TRY(read_store(h->dirs[i], kind, out, err));
    fr_history_entry **at = out->at + from;
    size_t n = out->n - from, kept = 0;
    if (n == 0)
        return 0;
    fr_sort(at, n, sizeof(*at), by_id);
    for (size_t i = 0; i < n; i++) { /* the same file in two stores counts once */
        if (kept > 0 && strcmp(at[kept - 1]->id, at[i]->id) == 0)
            fr_history_entry_free(at[i]);
        else
            at[kept++] = at[i];
    }
    out->n = from + kept;
    order(at, kept);
    return 0;
}

static bool same_line(const fr_history_entry *a, const fr_history_entry *b)
{
    return strcmp(a->name, b->name) == 0 &&
           (a->kind != FR_HISTORY_TAG || strcmp(a->tag, b->tag) == 0);
}

bool fr_history_is_head(const fr_history_list *list, const fr_history_entry *e)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->at[i]->parent != NULL && strcmp(list->at[i]->parent, e->id) == 0 &&
            same_line(list->at[i], e))
            return false;
    return true;
}

/* The last of a name (and tag): children come after parents, so it is a head. */
static const fr_history_entry *newest(const fr_history_list *list, const char *name,
                                      const char *tag)
{
    for (size_t i = list->n; i-- > 0;)
        if (strcmp(list->at[i]->name, name) == 0 &&
            (tag == NULL || strcmp(list->at[i]->tag, tag) == 0))
            return list->at[i];
    return NULL;
}

const char *fr_history_tagged(const fr_history_list *tags, const char *name, const char *tag)
{
    const fr_history_entry *e = newest(tags, name, tag);
    return e != NULL ? e->tagged : NULL;
}

/* ---- versions and tags ------------------------------------------------------------------- */

/* All that a version says but who, when and after which. */
static bool says_the_same(const json_t *a, const json_t *b)
{
    static const char *const APART[] = { "author", "time", "parent", "message" };
    json_t *x = json_copy((json_t *)(uintptr_t)a), *y = json_copy((json_t *)(uintptr_t)b);
    for (size_t i = 0; i < FR_COUNT_OF(APART); i++) {
        json_object_del(x, APART[i]);
        json_object_del(y, APART[i]);
    }
    FR_AUTO(fr_buf) left = { 0 };
    FR_AUTO(fr_buf) right = { 0 };
    fr_history_dump(x, &left);
    fr_history_dump(y, &right);
    json_decref(x);
    json_decref(y);
    return fr_str_equal(fr_buf_str(&left), fr_buf_str(&right));
}

static int version_object(const fr_history_version *v, json_t **out, fr_err *err)
{
    json_t *prompt = NULL, *model = fr_history_model(v->model_hash, v->model_name);
    int rc = fr_history_prompt(v->form, v->main, v->files, &prompt, err);
    if (rc != 0) {
        json_decref(model);
        return rc;
    }
    json_t *o = fr_history_head(FR_HISTORY_VERSION, v->author);
    fr_history_set(o, "name", v->name);
    fr_history_set(o, "message", v->message);
    fr_history_set(o, "task", v->task);
    json_object_set_new(o, "prompt", prompt);
    if (model != NULL)
        json_object_set_new(o, "model", model);
    if (v->parameters != NULL && json_object_size(v->parameters) != 0)
        json_object_set_new(o, "parameters", fr_history_parameters(v->parameters));
    if (v->outcome != NULL)
        fr_history_put_outcome(o, v->outcome);
    *out = o;
    return 0;
}

int fr_history_save(fr_history *h, const fr_history_version *v, char id[FR_HISTORY_ID],
                    bool *is_new, fr_err *err)
{
    FR_AUTO(fr_history_list) all = { 0 };
    FR_TRY(check_name(v->name, "prompt", err));
    FR_TRY(fr_history_all(h, FR_HISTORY_VERSION, &all, err));
    const fr_history_entry *last = newest(&all, v->name, NULL);
    json_t *o = NULL;
    FR_TRY(version_object(v, &o, err));
    *is_new = last == NULL || !says_the_same(o, last->root);
    const char *parent = v->parent != NULL ? v->parent : last != NULL ? last->id : "";
    if (parent[0] != '\0')
        fr_history_set(o, "parent", parent);
    int rc = 0;
    if (*is_new)
        rc = fr_history_write(h, FR_HISTORY_VERSION, NULL, o, id, err);
    else
        memcpy(id, last->id, FR_HISTORY_ID);
    json_decref(o);
    return rc;
}

int fr_history_tag(fr_history *h, const char *name, const char *tag, const char *version,
                   const char *author, fr_err *err)
{
    FR_AUTO(fr_history_list) tags = { 0 };
    FR_TRY(check_name(name, "prompt", err));
    FR_TRY(check_name(tag, "tag", err));
    FR_TRY(fr_history_all(h, FR_HISTORY_TAG, &tags, err));
    const fr_history_entry *last = newest(&tags, name, tag);
    const char *now = last != NULL ? last->tagged : NULL;
    if (version == NULL ? now == NULL : now != NULL && strcmp(now, version) == 0)
        return version != NULL
                   ? 0
                   : fr_fail(err, FR_E_NOT_FOUND, NULL, "'%s' has no tag '%s'", name, tag);
    json_t *o = fr_history_head(FR_HISTORY_TAG, author);
    fr_history_set(o, "name", name);
    fr_history_set(o, "tag", tag);
    fr_history_set(o, "version", version);
    fr_history_set(o, "parent", last != NULL ? last->id : NULL);
    int rc = fr_history_write(h, FR_HISTORY_TAG, NULL, o, NULL, err);
    json_decref(o);
    return rc;
}

/* ---- which one is meant ------------------------------------------------------------------ */

static const fr_history_entry *by_full_id(const fr_history_list *list, const char *id)
{
    for (size_t i = 0; id != NULL && i < list->n; i++)
        if (strcmp(list->at[i]->id, id) == 0)
            return list->at[i];
    return NULL;
}

static int by_digits(const fr_history_list *list, const char *word, const fr_history_entry **out,
                     fr_err *err)
{
    size_t n = strlen(word);
    *out = NULL;
    if (n < 6 || strspn(word, "0123456789abcdef") != n)
        return 0;
    for (size_t i = 0; i < list->n; i++) {
        if (strncmp(list->at[i]->id, word, n) != 0)
            continue;
        if (*out != NULL)
            return fr_fail(err, FR_E_USAGE, "Write more of its digits.",
                           "'%s' begins more than one version", word);
        *out = list->at[i];
    }
    return 0;
}

static int no_such(const fr_history_list *list, const char *word, fr_err *err)
{
    const char **names = FR_NEW_N(const char *, list->n + 1);
    for (size_t i = 0; i < list->n; i++)
        names[i] = list->at[i]->name;
    const char *near = fr_nearest(word, names);
    char hint[160];
    if (near != NULL)
        snprintf(hint, sizeof(hint), "Did you mean '%s'?", near);
    else
        snprintf(hint, sizeof(hint),
                 list->n != 0 ? "`frugal prompt list` shows what there is."
                              : "The store is empty: `frugal prompt save FILE`.");
    free(names);
    return fr_fail(err, FR_E_NOT_FOUND, hint, "there is no prompt '%s'", word);
}

/* NAME, NAME@TAG or digits. */
static int find_plain(const fr_history_list *versions, const fr_history_list *tags, char *word,
                      const fr_history_entry **out, fr_err *err)
{
    char *at = strchr(word, '@');
    if (at != NULL) {
        *at = '\0';
        if (newest(versions, word, NULL) == NULL)
            return no_such(versions, word, err);
        const char *id = fr_history_tagged(tags, word, at + 1);
        *out = by_full_id(versions, id);
        if (*out == NULL)
            return fr_fail(err, FR_E_NOT_FOUND,
                           id != NULL ? "Get that version from where the tag came from."
                                      : "`frugal prompt tag NAME TAG` sets one.",
                           id != NULL ? "'%s@%s' names a version that is not in the store"
                                      : "'%s' has no tag '%s'",
                           word, at + 1);
        return 0;
    }
    *out = newest(versions, word, NULL);
    if (*out == NULL)
        FR_TRY(by_digits(versions, word, out, err));
    return *out != NULL ? 0 : no_such(versions, word, err);
}

int fr_history_find(const fr_history_list *versions, const fr_history_list *tags, const char *word,
                    const fr_history_entry **out, fr_err *err)
{
    char plain[WORD_MOST];
    long long back = 0;
    snprintf(plain, sizeof(plain), "%s", word);
    char *tilde = strchr(plain, '~');
    if (tilde != NULL) {
        *tilde = '\0';
        if (!fr_str_to_i64(fr_str_of(tilde + 1), &back) || back < 0)
            return fr_fail(err, FR_E_USAGE, NULL, "'%s': a number must follow the ~", word);
    }
    FR_TRY(find_plain(versions, tags, plain, out, err));
    for (long long i = 0; i < back; i++) {
        const fr_history_entry *before = by_full_id(versions, (*out)->parent);
        if (before == NULL)
            return fr_fail(err, FR_E_NOT_FOUND, NULL, "'%s': nothing is known before %.12s", word,
                           (*out)->id);
        *out = before;
    }
    return 0;
}
