/* frugal prompt diff, tag, restore, export, import: what moves versions and compares them. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/prompt_store.h"

static const fr_option STORE_OPTIONS[] = { FR_OPTION_STORE, FR_OPTIONS_END };

/* ---- diff -------------------------------------------------------------------------------- */

#define MOST_CELLS ((size_t)16 << 20)
enum { CONTEXT_LINES = 3 };

typedef struct {
    fr_str *at;
    size_t n, cap;
} line_list;

static void split_lines(fr_str text, line_list *out)
{
    while (text.n > 0) {
        const char *end = memchr(text.at, '\n', text.n);
        size_t n = end != NULL ? (size_t)(end - text.at) : text.n;
        FR_GROW(out->at, out->n, out->cap);
        out->at[out->n++] = (fr_str){ text.at, n };
        n += end != NULL;
        text = (fr_str){ text.at + n, text.n - n };
    }
}

/* What becomes of each line: ' ' stays, '-' goes, '+' comes. */
typedef struct {
    char sign;
    fr_str text;
} change;

typedef struct {
    change *at;
    size_t n, cap;
} changes;

static void put_change(changes *c, char sign, fr_str text)
{
    FR_GROW(c->at, c->n, c->cap);
    c->at[c->n++] = (change){ sign, text };
}

/* Longest common subsequence of what is left between the equal ends; beyond the bound all of it is
 * exchanged. */
static void compare_middle(const fr_str *a, size_t n, const fr_str *b, size_t m, changes *out)
{
    size_t i = 0, k = 0;
    uint32_t *length = NULL;
    if (n > 0 && m > 0 && (n + 1) * (m + 1) <= MOST_CELLS) {
        length = FR_NEW_N(uint32_t, (n + 1) * (m + 1));
        for (i = n; i-- > 0;)
            for (k = m; k-- > 0;)
                length[i * (m + 1) + k] =
                    fr_str_equal(a[i], b[k])
                        ? length[(i + 1) * (m + 1) + k + 1] + 1
                        : FR_MAX(length[(i + 1) * (m + 1) + k], length[i * (m + 1) + k + 1]);
    }
    i = k = 0;
    while (length != NULL && i < n && k < m) {
        if (fr_str_equal(a[i], b[k])) {
            put_change(out, ' ', a[i]);
            i++;
            k++;
        } else if (length[(i + 1) * (m + 1) + k] >= length[i * (m + 1) + k + 1]) {
            put_change(out, '-', a[i++]);
        } else {
            put_change(out, '+', b[k++]);
        }
    }
    while (i < n)
        put_change(out, '-', a[i++]);
    while (k < m)
        put_change(out, '+', b[k++]);
    free(length);
}

static void compare(const line_list *a, const line_list *b, changes *out)
{
    size_t head = 0, tail = 0, least = FR_MIN(a->n, b->n);
    while (head < least && fr_str_equal(a->at[head], b->at[head]))
        put_change(out, ' ', a->at[head++]);
    while (tail < least - head && fr_str_equal(a->at[a->n - 1 - tail], b->at[b->n - 1 - tail]))
        tail++;
    compare_middle(a->at + head, a->n - head - tail, b->at + head, b->n - head - tail, out);
    for (size_t i = a->n - tail; i < a->n; i++)
        put_change(out, ' ', a->at[i]);
}

/* Hunks with three lines around, as `diff -u`. */
static void put_hunks(const changes *c, fr_buf *out)
{
    size_t i = 0, line_a = 1, line_b = 1;
    while (i < c->n) {
        size_t first = i;
        while (first < c->n && c->at[first].sign == ' ')
            first++;
        if (first == c->n)
            return;
        size_t begin = first - FR_MIN(first - i, (size_t)CONTEXT_LINES), end = first, same = 0;
        for (; end < c->n && same <= 2 * CONTEXT_LINES; end++)
            same = c->at[end].sign == ' ' ? same + 1 : 0;
        end -= same > CONTEXT_LINES ? same - CONTEXT_LINES : 0;
        line_a += begin - i;
        line_b += begin - i;
        size_t n_a = 0, n_b = 0;
        for (size_t k = begin; k < end; k++) {
            n_a += c->at[k].sign != '+';
            n_b += c->at[k].sign != '-';
        }
        fr_buf_put_f(out, "@@ -%zu,%zu +%zu,%zu @@\n", n_a != 0 ? line_a : line_a - 1, n_a,
                     n_b != 0 ? line_b : line_b - 1, n_b);
        for (size_t k = begin; k < end; k++)
            fr_buf_put_f(out, "%c%.*s\n", c->at[k].sign, FR_STR_F(c->at[k].text));
        line_a += n_a;
        line_b += n_b;
        i = end;
    }
}

static void diff_texts(const char *left, fr_str a, const char *right, fr_str b, fr_buf *out)
{
    line_list x = { 0 }, y = { 0 };
    changes c = { 0 };
    if (fr_str_equal(a, b))
        return;
    split_lines(a, &x);
    split_lines(b, &y);
    compare(&x, &y, &c);
    fr_buf_put_f(out, "--- %s\n+++ %s\n", left, right);
    put_hunks(&c, out);
    free(x.at);
    free(y.at);
    free(c.at);
}

/* Whichever of the two has the file; the other side is empty then. */
static int diff_file(const fr_history_entry *a, const fr_history_entry *b, const char *path,
                     fr_buf *out, fr_err *err)
{
    FR_AUTO(fr_buf) x = { 0 };
    FR_AUTO(fr_buf) y = { 0 };
    bool has_a = json_object_get(a->files, path) != NULL,
         has_b = json_object_get(b->files, path) != NULL;
    if (has_a)
        FR_TRY(fr_history_text(a, path, &x, err));
    if (has_b)
        FR_TRY(fr_history_text(b, path, &y, err));
    char *left = has_a ? fr_dup_f("%.12s/%s", a->id, path) : fr_dup("/dev/null"),
         *right = has_b ? fr_dup_f("%.12s/%s", b->id, path) : fr_dup("/dev/null");
    diff_texts(left, fr_buf_str(&x), right, fr_buf_str(&y), out);
    free(left);
    free(right);
    return 0;
}

static void diff_field(const char *name, const char *a, const char *b, fr_buf *out)
{
    if (a == b || (a != NULL && b != NULL && strcmp(a, b) == 0))
        return;
    fr_buf_put_f(out, "%s: %s -> %s\n", name, a != NULL && a[0] != '\0' ? a : "(none)",
                 b != NULL && b[0] != '\0' ? b : "(none)");
}

static void diff_fields(const fr_history_entry *a, const fr_history_entry *b, fr_buf *out)
{
    char quality[2][160], cost[2][96];
    char *x = json_dumps(a->parameters != NULL ? a->parameters : json_null(),
                         JSON_SORT_KEYS | JSON_ENCODE_ANY),
         *y = json_dumps(b->parameters != NULL ? b->parameters : json_null(),
                         JSON_SORT_KEYS | JSON_ENCODE_ANY);
    fr_prompt_quality_text(&a->outcome, quality[0]);
    fr_prompt_quality_text(&b->outcome, quality[1]);
    fr_prompt_cost_text(&a->outcome, cost[0]);
    fr_prompt_cost_text(&b->outcome, cost[1]);
    diff_field("form", a->form, b->form, out);
    diff_field("task", a->task, b->task, out);
    diff_field("model", a->model_hash, b->model_hash, out);
    diff_field("parameters", x, y, out);
    diff_field("quality", quality[0], quality[1], out);
    diff_field("took", cost[0], cost[1], out);
    free(x);
    free(y);
}

static int diff(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_prompt_store) store = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    const fr_history_entry *a = NULL, *b = NULL;
    size_t n = 0;
    const char *path;
    json_t *one;
    fr_arg_rest(cli, &n);
    FR_TRY(fr_prompt_store_open(cli, &store, err));
    FR_TRY(fr_prompt_store_find(cli, &store, n > 1 ? 1 : 0, &b, err));
    if (n > 1) {
        FR_TRY(fr_prompt_store_find(cli, &store, 0, &a, err));
    } else if (b->parent != NULL) {
        FR_TRY(fr_history_find(&store.versions, &store.tags, b->parent, &a, err));
    } else {
        return fr_fail(err, FR_E_USAGE, "Name two: `frugal prompt diff A B`.",
                       "%.12s is the first version, there is none before it", b->id);
    }
    json_object_foreach((json_t *)(uintptr_t)a->files, path, one)
        FR_TRY(diff_file(a, b, path, &text, err));
    json_object_foreach((json_t *)(uintptr_t)b->files, path, one)
    {
        if (json_object_get(a->files, path) == NULL)
            FR_TRY(diff_file(a, b, path, &text, err));
    }
    diff_fields(a, b, &text);
    if (!fr_cli_json(cli))
        return fr_prompt_put_text(&text, err);
    return fr_prompt_put_json(cli,
                              json_pack("{s:s, s:s, s:b, s:o}", "from", a->id, "to", b->id, "same",
                                        text.n == 0, "diff",
                                        json_stringn(fr_buf_text(&text), text.n)),
                              err);
}

static int run_diff(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, diff(cli, &err), &err);
}

const fr_command FR_PROMPT_diff = {
    .name = "prompt diff",
    .run = run_diff,
    .options = STORE_OPTIONS,
    .arguments = "[A] B",
    .summary = "what changed between two versions: text, parameters, quality, cost",
    .examples = "frugal prompt diff ask  # the newest against the one before\n"
                "frugal prompt diff ask@live ask  # what is live against the newest\n",
};

/* ---- tag --------------------------------------------------------------------------------- */

static const fr_option TAG_OPTIONS[] = {
    { "delete", 0, FR_OPTION_FLAG, NULL, "take the tag off" },
    { "author", 0, FR_OPTION_TEXT, "NAME", "(default: $GIT_AUTHOR_NAME, then the user)" },
    FR_OPTION_STORE,
    FR_OPTIONS_END,
};

static int tag(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_prompt_store) store = { 0 };
    const fr_history_entry *e = NULL;
    const char *word = NULL;
    bool off = fr_arg_flag(cli, "delete");
    FR_TRY(fr_prompt_store_open(cli, &store, err));
    FR_TRY(fr_prompt_store_find(cli, &store, 0, &e, err));
    FR_TRY(fr_arg_need(cli, 1, "a tag", &word, err));
    FR_TRY(fr_history_tag(store.history, e->name, word, off ? NULL : e->id,
                          fr_arg_text(cli, "author", NULL), err));
    if (!fr_cli_json(cli)) {
        fr_cli_tell(cli, off ? "%s@%s is no more" : "%s@%s is %.12s", e->name, word, e->id);
        return 0;
    }
    json_t *o = json_pack("{s:s, s:s}", "name", e->name, "tag", word);
    json_object_set_new(o, "version", off ? json_null() : json_string(e->id));
    return fr_prompt_put_json(cli, o, err);
}

static int run_tag(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, tag(cli, &err), &err);
}

const fr_command FR_PROMPT_tag = {
    .name = "prompt tag",
    .run = run_tag,
    .options = TAG_OPTIONS,
    .arguments = "REF TAG",
    .summary = "give a version a name that may move on: NAME@TAG",
    .examples = "frugal prompt tag ask live  # the newest is live now\n"
                "frugal prompt tag ask~1 live  # back to the one before\n"
                "frugal prompt tag ask live --delete  # none is\n",
    .more = "Each move is a file of its own: who moved a tag, when, and from where is kept.",
};

/* ---- restore ----------------------------------------------------------------------------- */

static const fr_option RESTORE_OPTIONS[] = {
    { "out", 'o', FR_OPTION_TEXT, "PATH", "a folder; of one file: a file (default: here)" },
    { "force", 0, FR_OPTION_FLAG, NULL, "write over files that say something else" },
    FR_OPTION_STORE,
    FR_OPTIONS_END,
};

/* 1: another file is in the way, 0: it may be written, and *same that it says so already. */
static bool in_the_way(const char *path, fr_str text, bool *same)
{
    FR_AUTO(fr_buf) there = { 0 };
    *same = fr_file_exists(path) && fr_file_read(path, text.n + 1, &there, NULL) == 0 &&
            fr_str_equal(fr_buf_str(&there), text);
    return fr_file_exists(path) && !*same;
}

static int restore_file(fr_cli *cli, const fr_history_entry *e, const char *file, const char *path,
                        bool only_look, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    bool same = false;
    FR_TRY(fr_history_text(e, file, &text, err));
    if (in_the_way(path, fr_buf_str(&text), &same) && !fr_arg_flag(cli, "force"))
        return fr_fail(err, FR_E_USAGE, "--force writes over it; -o PATH writes elsewhere.",
                       "'%s' is there already and says something else", path);
    if (only_look || same)
        return 0;
    char *folder = fr_path_dir(path);
    int rc = fr_dir_make(folder, err);
    if (rc == 0)
        rc = fr_file_write(path, fr_buf_str(&text), err);
    free(folder);
    return rc;
}

/* Each file of a version, looked at or written. */
static int restore_files(fr_cli *cli, const fr_history_entry *e, const char *out, bool write,
                         json_t *written, fr_err *err)
{
    const char *file;
    json_t *one;
    int rc = 0;
    json_object_foreach((json_t *)(uintptr_t)e->files, file, one)
    {
        bool alone = json_object_size(e->files) == 1 && out[0] != '\0' && !fr_dir_exists(out);
        char *path = alone ? fr_dup(out) : fr_path_join(out, file);
        rc = restore_file(cli, e, file, path, !write, err);
        if (write)
            json_array_append_new(written, json_string(path));
        free(path);
        if (rc != 0)
            break;
    }
    return rc;
}

static int restore(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_prompt_store) store = { 0 };
    const fr_history_entry *e = NULL;
    const char *out = fr_arg_text(cli, "out", "");
    json_t *written = json_array();
    FR_TRY(fr_prompt_store_open(cli, &store, err));
    int rc = fr_prompt_store_find(cli, &store, 0, &e, err);
    for (int pass = 0; rc == 0 && pass < 2; pass++) /* all are looked at before any is written */
        rc = restore_files(cli, e, out, pass == 1, written, err);
    if (rc == 0 && fr_cli_json(cli))
        rc = fr_prompt_put_json(cli, json_pack("{s:s, s:O}", "id", e->id, "files", written), err);
    else if (rc == 0)
        fr_cli_tell(cli, "%.12s restored: %zu file%s", e->id, json_array_size(written),
                    json_array_size(written) == 1 ? "" : "s");
    json_decref(written);
    return rc;
}

static int run_restore(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, restore(cli, &err), &err);
}

const fr_command FR_PROMPT_restore = {
    .name = "prompt restore",
    .run = run_restore,
    .options = RESTORE_OPTIONS,
    .arguments = "REF",
    .summary = "write a version's files again, to the byte",
    .examples = "frugal prompt restore ask~1  # its files, here\n"
                "frugal prompt restore ask@live -o live.yaml  # under another name\n",
};

/* ---- export and import ------------------------------------------------------------------- */

#define MOST_IMPORT_BYTES ((size_t)1 << 30)

static const fr_option EXPORT_OPTIONS[] = {
    { "out", 'o', FR_OPTION_TEXT, "FILE", "write there (default: stdout)" },
    FR_OPTION_STORE,
    FR_OPTIONS_END,
};

static bool is_asked(char **names, size_t n, const fr_history_entry *e)
{
    for (size_t i = 0; i < n; i++)
        if (e->name != NULL && strcmp(names[i], e->name) == 0)
            return true;
    return n == 0;
}

static int export_kind(fr_cli *cli, fr_history *h, fr_history_kind kind, fr_buf *out, size_t *count,
                       fr_err *err)
{
    FR_AUTO(fr_history_list) list = { 0 };
    size_t n = 0;
    char **names = fr_arg_rest(cli, &n);
    FR_TRY(fr_history_all(h, kind, &list, err));
    FR_TRY(fr_prompt_store_damage(cli, &list, err));
    for (size_t i = 0; i < list.n; i++) {
        FR_AUTO(fr_buf) bytes = { 0 };
        if (!is_asked(names, n, list.at[i]))
            continue;
        FR_TRY(fr_file_read(list.at[i]->path, MOST_IMPORT_BYTES, &bytes, err));
        char *name = fr_history_file_name(list.at[i]);
        json_t *line = json_pack("{s:s, s:o}", "file", name, "text",
                                 json_stringn(fr_buf_text(&bytes), bytes.n));
        char *text = json_dumps(line, JSON_COMPACT);
        fr_buf_put_s(out, text);
        fr_buf_put_c(out, '\n');
        ++*count;
        free(text);
        json_decref(line);
        free(name);
    }
    return 0;
}

static int export_all(fr_cli *cli, fr_err *err)
{
    FR_AUTOPTR(fr_history) history = NULL;
    FR_AUTO(fr_buf) text = { 0 };
    const char *path = fr_arg_text(cli, "out", NULL);
    size_t n = 0;
    FR_TRY(fr_prompt_history_open(cli, &history, err));
    for (fr_history_kind k = FR_HISTORY_VERSION; k <= FR_HISTORY_TAG; k++)
        FR_TRY(export_kind(cli, history, k, &text, &n, err));
    if (text.full)
        return fr_fail(err, FR_E_LIMIT, "Name some prompts.", "the export is larger than 1 GiB");
    if (path == NULL)
        return fr_prompt_put_text(&text, err);
    FR_TRY(fr_file_write(path, fr_buf_str(&text), err));
    if (fr_cli_json(cli))
        return fr_prompt_put_json(cli, json_pack("{s:s, s:i}", "file", path, "entries", (int)n),
                                  err);
    fr_cli_tell(cli, "%zu entries written to %s", n, path);
    return 0;
}

static int run_export(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, export_all(cli, &err), &err);
}

const fr_command FR_PROMPT_export = {
    .name = "prompt export",
    .run = run_export,
    .options = EXPORT_OPTIONS,
    .arguments = "[NAME…]",
    .summary = "a history as one file (JSON Lines), to send or to keep",
    .examples = "frugal prompt export -o prompts.jsonl  # all of it, results too\n"
                "frugal prompt export ask route > two.jsonl  # versions and tags of two\n",
    .more = "Each line holds one file of the store to the byte; `frugal prompt import` checks\n"
            "its hash. (Stores that both sides can read need no export: --store twice.)",
};

static int import_line(fr_history *h, fr_str line, const char *path, size_t number, size_t *n_new,
                       fr_err *err)
{
    json_error_t error;
    json_t *o = json_loadb(line.at, line.n, 0, &error);
    const json_t *name = json_object_get(o, "file"), *text = json_object_get(o, "text");
    bool is_new = false;
    int rc;
    if (!json_is_string(name) || !json_is_string(text))
        rc = fr_fail(err, FR_E_FORMAT, "It should be what `frugal prompt export` wrote.",
                     "%s:%zu: not an entry of a history", path, number);
    else
        rc = fr_history_put(h, json_string_value(name),
                            (fr_str){ json_string_value(text), json_string_length(text) }, &is_new,
                            err);
    if (rc != 0 && json_is_string(name))
        fr_err_within(err, "%s:%zu", path, number);
    *n_new += is_new;
    json_decref(o);
    return rc;
}

static int import_all(fr_cli *cli, fr_err *err)
{
    FR_AUTOPTR(fr_history) history = NULL;
    FR_AUTO(fr_buf) text = { 0 };
    const char *path = NULL;
    size_t number = 0, n_new = 0, n = 0;
    FR_TRY(fr_arg_need(cli, 0, "a file to import (-: stdin)", &path, err));
    FR_TRY(fr_prompt_history_open(cli, &history, err));
    FR_TRY(fr_file_read(path, MOST_IMPORT_BYTES, &text, err));
    for (fr_str rest = fr_buf_str(&text), line; fr_str_next(&rest, '\n', &line);) {
        number++;
        if (fr_str_trim(line).n == 0)
            continue;
        FR_TRY(import_line(history, line, path, number, &n_new, err));
        n++;
    }
    if (fr_cli_json(cli))
        return fr_prompt_put_json(
            cli, json_pack("{s:i, s:i}", "entries", (int)n, "new", (int)n_new), err);
    fr_cli_tell(cli, "%zu entries, %zu of them new", n, n_new);
    return 0;
}

static int run_import(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, import_all(cli, &err), &err);
}

const fr_command FR_PROMPT_import = {
    .name = "prompt import",
    .run = run_import,
    .options = STORE_OPTIONS,
    .arguments = "FILE",
    .summary = "put an exported history into this one; nothing that is there is lost",
    .examples = "frugal prompt import prompts.jsonl  # what is new is added\n"
                "frugal prompt import - --store /shared/prompts < two.jsonl  # into another\n",
};
