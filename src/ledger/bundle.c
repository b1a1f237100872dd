/* A ledger's rows as a tar file, and back into a ledger that lives in memory. */
#include "ledger/bundle.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/sign.h"
#include "ledger/archive.h"
#include "ledger/ledger_priv.h"

#define BUNDLE_SCHEMA 1
#define LINE_MOST     ((size_t)1 << 20)

/* A letter a column: i whole number, f real, t text. The first is the order of rows. A mark in
 * `where` is put for "in the bundle": $ for run.seq. */
typedef struct {
    const char *name, *columns, *types, *where;
} sheet;

static const sheet SHEETS[] = {
    { "run",
      "seq, id, parent, phase, leaf, kind, name, command, model_hash, strategy, zone, basis, "
      "grid_source, grid_year, intensity_g_per_kwh, pue, embodied_g, start_unix_ns, end_unix_ns, "
      "status, exit_code, cpu_s, gpu_s, duration_s, host, machine, boot_id, pid_space, pid, "
      "pid_start_ticks, energy_uj, energy_low_uj, energy_high_uj, method, energy_source, "
      "operational_g, carbon_g, seal",
      "ittiittttttttifffiitifff"
      "ttttiiiiittfft",
      "seq IN (SELECT seq FROM kept)" },
    { "device", "number, device, kind, part, method, source", "ittttt",
      "number IN (SELECT device FROM bucket WHERE run IN (SELECT seq FROM kept))" },
    { "bucket", "run, start_unix_ns, device, end_unix_ns, energy_uj, low_uj, high_uj", "iiiiiii",
      "run IN (SELECT seq FROM kept)" },
    { "note", "number, run, kind, name, value, text", "iittft", "run IN (SELECT seq FROM kept)" },
    { "unit", "number, name, value, start_unix_ns, end_unix_ns, run, source, told_unix_ns",
      "itfiitti", "run = '' OR run IN (SELECT id FROM kept)" },
    { "change", "number, at_unix_ns, text, told_unix_ns", "iiti", "1" },
};

/* ---- writing ---- */

/* Trees in which nothing is open, or the one that was asked for. */
static int choose(fr_ledger *l, const char *run, fr_err *err)
{
    FR_TRY(fr_store_exec(l->store, "DROP TABLE IF EXISTS temp.kept", err));
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(
        fr_store_exec(l->store, "CREATE TEMP TABLE kept (seq INTEGER PRIMARY KEY, id TEXT)", err));
    FR_TRY(fr_store_prepare(
        l->store,
        "WITH RECURSIVE tree(top, seq, id) AS ("
        "  SELECT seq, seq, id FROM run WHERE (?1 IS NULL AND (parent IS NULL OR parent NOT IN "
        "(SELECT id FROM run))) OR id = ?1"
        "  UNION ALL SELECT tree.top, run.seq, run.id FROM run JOIN tree ON run.parent = tree.id) "
        "INSERT INTO kept SELECT seq, id FROM tree WHERE top NOT IN ("
        "  SELECT tree.top FROM tree JOIN run ON run.seq = tree.seq WHERE run.status = 'running')",
        &q, err));
    fr_query_bind_text(q, 1, run);
    return fr_query_step(q, err);
}

static json_t *cell(fr_query *q, int column, char type)
{
    json_t *value;
    if (fr_query_is_null(q, column))
        return json_null();
    if (type == 'i')
        return json_integer(fr_query_i64(q, column));
    if (type == 'f')
        return json_real(fr_query_f64(q, column));
    const char *text = fr_query_text(q, column);
    value = json_string(text);
    if (value != NULL)
        return value;
    /* Bytes that are no UTF-8 (a command line may hold any): in hex, told apart by an object. */
    FR_AUTO(fr_buf) hex = { 0 };
    for (const char *c = text; *c != '\0'; c++)
        fr_buf_put_f(&hex, "%02x", (unsigned char)*c);
    return json_pack("{s:s}", "hex", fr_buf_text(&hex));
}

static int write_sheet(fr_ledger *l, const sheet *s, fr_buf *out, size_t *n, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    char *sql =
        fr_dup_f("SELECT %s FROM %s WHERE %s ORDER BY 1, 2, 3", s->columns, s->name, s->where);
    int rc = fr_store_prepare(l->store, sql, &q, err);
    free(sql);
    FR_TRY(rc);
    fr_buf_put_f(out, "{\"columns\":\"%s\"}\n", s->columns);
    *n = 0;
    while ((rc = fr_query_step(q, err)) == FR_ROW) {
        json_t *row = json_array();
        for (int c = 0; s->types[c] != '\0'; c++)
            json_array_append_new(row, cell(q, c, s->types[c]));
        char *text = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(17));
        fr_buf_put_f(out, "%s\n", text);
        free(text);
        json_decref(row);
        (*n)++;
    }
    return rc;
}

static int figures(fr_ledger *l, fr_buf *out, fr_err *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    int rc = fr_ledger_export(l, "csv", stream, err);
    fclose(stream);
    fr_buf_put(out, text, size);
    free(text);
    return rc;
}

static int add_member(fr_buf *tar, json_t *files, const char *name, const fr_buf *bytes,
                      int64_t now, fr_err *err)
{
    char hash[FR_SHA256_HEX];
    FR_TRY(fr_sha256(fr_buf_text(bytes), bytes->n, hash, err));
    json_object_set_new(files, name,
                        json_pack("{s:s,s:I}", "sha256", hash, "bytes", (json_int_t)bytes->n));
    fr_archive_put(tar, name, fr_buf_str(bytes), now / 1000000000);
    return 0;
}

static json_t *manifest_of(const fr_bundle_options *o, json_t *files, size_t n_runs, int64_t now,
                           const char *public_hex)
{
    char made[FR_TIME_TEXT];
    fr_time_text(now, made);
    json_t *m = json_pack("{s:s,s:i,s:s,s:s,s:I,s:O,s:o}", "kind", "frugal ledger bundle", "schema",
                          BUNDLE_SCHEMA, "frugal", FR_VERSION, "made", made, "runs",
                          (json_int_t)n_runs, "files", files, "public_key",
                          public_hex != NULL ? json_string(public_hex) : json_null());
    for (size_t i = 0; i < o->n_facts; i++) {
        json_t *group = json_object_get(m, o->facts[i].group);
        if (group == NULL) {
            group = json_object();
            json_object_set_new(m, o->facts[i].group, group);
        }
        json_object_set_new(group, o->facts[i].name, json_string(o->facts[i].value));
    }
    return m;
}

static int add_manifest(const fr_bundle_options *o, fr_buf *tar, json_t *files, size_t n_runs,
                        int64_t now, fr_err *err)
{
    unsigned char signature[FR_SIGNATURE_BYTES];
    char public_hex[FR_PUBLIC_KEY_HEX];
    if (o->key != NULL)
        FR_TRY(fr_sign_public(o->key, public_hex, err));
    json_t *m = manifest_of(o, files, n_runs, now, o->key != NULL ? public_hex : NULL);
    char *text = json_dumps(m, JSON_INDENT(1) | JSON_SORT_KEYS);
    int rc = 0;
    fr_archive_put(tar, "manifest.json", fr_str_of(text), now / 1000000000);
    if (o->key != NULL)
        rc = fr_sign(o->key, text, strlen(text), signature, public_hex, err);
    if (rc == 0 && o->key != NULL)
        fr_archive_put(tar, "manifest.sig", (fr_str){ (char *)signature, sizeof signature },
                       now / 1000000000);
    free(text);
    json_decref(m);
    fr_archive_end(tar);
    return rc;
}

/* The rows, as tar members, and a ledger of them alone, whose figures are the bundle's. */
static int import(const fr_archive *a, fr_ledger **out, fr_err *err);

static int write_all(fr_ledger *l, const fr_bundle_options *o, json_t *files, fr_buf *out,
                     size_t *n_runs, int64_t now, fr_err *err)
{
    size_t n = 0;
    FR_AUTO(fr_buf) rows_tar = { 0 };
    for (size_t i = 0; i < FR_COUNT_OF(SHEETS); i++) {
        FR_AUTO(fr_buf) rows = { 0 };
        char name[32];
        snprintf(name, sizeof name, "%s.jsonl", SHEETS[i].name);
        FR_TRY(write_sheet(l, &SHEETS[i], &rows, &n, err));
        *n_runs = i == 0 ? n : *n_runs;
        FR_TRY(add_member(&rows_tar, files, name, &rows, now, err));
    }
    fr_buf_put_str(out, fr_buf_str(&rows_tar));
    fr_archive_end(&rows_tar);
    fr_archive rows;
    fr_ledger *alone = NULL;
    FR_AUTO(fr_buf) csv = { 0 };
    FR_TRY(fr_archive_read(fr_buf_str(&rows_tar), &rows, err));
    int rc = import(&rows, &alone, err);
    if (rc == 0)
        rc = figures(alone, &csv, err);
    fr_ledger_close(alone);
    FR_TRY(rc);
    FR_TRY(add_member(out, files, "figures.csv", &csv, now, err));
    return add_manifest(o, out, files, *n_runs, now, err);
}

int fr_bundle_write(fr_ledger *l, const fr_bundle_options *o, fr_buf *out, size_t *n_runs,
                    fr_err *err)
{
    json_t *files = json_object();
    *n_runs = 0;
    pthread_mutex_lock(&l->lock);
    int rc = fr_ledger_sweep_locked(l, err);
    if (rc == 0)
        rc = fr_store_exec(l->store, "BEGIN", err); /* one moment */
    if (rc == 0) {
        rc = choose(l, o->run, err);
        if (rc == 0)
            rc = write_all(l, o, files, out, n_runs, fr_now_unix_ns(), err);
        fr_store_rollback(l->store);
    }
    pthread_mutex_unlock(&l->lock);
    json_decref(files);
    if (rc == 0 && out->full)
        rc = fr_fail(err, FR_E_LIMIT, "Bundle one run with --run.", "the bundle is too large");
    return rc;
}

/* ---- reading ---- */

static int row_fail(const sheet *s, size_t line, const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "It should be what `frugal ledger export --bundle` wrote.",
                   "%s.jsonl, line %zu: %s", s->name, line, what);
}

static bool bind_hex(fr_query *q, int at, const char *hex)
{
    size_t n = strlen(hex);
    char *text = fr_array(n / 2 + 1, 1);
    bool ok = n % 2 == 0 && strspn(hex, "0123456789abcdef") == n;
    for (size_t i = 0; i < n / 2 && ok; i++) {
        unsigned byte = 0;
        ok = sscanf(hex + 2 * i, "%2x", &byte) == 1 && byte != 0;
        text[i] = (char)byte;
    }
    if (ok)
        fr_query_bind_text(q, at, text);
    free(text);
    return ok;
}

static bool bind_cell(fr_query *q, int at, char type, const json_t *v)
{
    if (json_is_null(v))
        return true;
    if (type == 'i' && json_is_integer(v))
        fr_query_bind_i64(q, at, json_integer_value(v));
    else if (type == 'f' && json_is_number(v))
        fr_query_bind_f64(q, at, json_number_value(v));
    else if (type == 't' && json_is_string(v))
        fr_query_bind_text(q, at, json_string_value(v));
    else if (type == 't' && json_is_object(v) && json_is_string(json_object_get(v, "hex")))
        return bind_hex(q, at, json_string_value(json_object_get(v, "hex")));
    else
        return false;
    return true;
}

static int read_row(fr_query *q, const sheet *s, fr_str line, size_t number, fr_err *err)
{
    json_t *row = line.n <= LINE_MOST ? json_loadb(line.at, line.n, 0, NULL) : NULL;
    size_t n = strlen(s->types);
    int rc = 0;
    fr_query_reset(q);
    if (!json_is_array(row) || json_array_size(row) != n)
        rc = row_fail(s, number, "not a row of its columns", err);
    for (size_t c = 0; c < n && rc == 0; c++)
        if (!bind_cell(q, (int)c + 1, s->types[c], json_array_get(row, c)))
            rc = row_fail(s, number, "a value of the wrong type", err);
    json_decref(row);
    FR_TRY(rc);
    fr_err why = { 0 };
    if (fr_query_step(q, &why) < 0)
        return row_fail(s, number, "it does not fit what is there", err);
    return 0;
}

static int read_sheet(fr_ledger *l, const sheet *s, fr_str bytes, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_AUTO(fr_buf) marks = { 0 };
    for (size_t c = 0; s->types[c] != '\0'; c++)
        fr_buf_put_s(&marks, c == 0 ? "?" : ",?");
    char *head = fr_dup_f("{\"columns\":\"%s\"}", s->columns);
    char *sql =
        fr_dup_f("INSERT INTO %s (%s) VALUES (%s)", s->name, s->columns, fr_buf_text(&marks));
    int rc = fr_store_prepare(l->store, sql, &q, err);
    fr_str rest = bytes, line;
    size_t number = 0;
    while (rc == 0 && fr_str_next(&rest, '\n', &line)) {
        number++;
        if (number == 1)
            rc = fr_str_is(line, head) ? 0 : row_fail(s, 1, "other columns than ours", err);
        else if (line.n > 0)
            rc = read_row(q, s, line, number, err);
    }
    if (rc == 0 && number == 0)
        rc = row_fail(s, 1, "no columns", err);
    free(head);
    free(sql);
    return rc;
}

static int import(const fr_archive *a, fr_ledger **out, fr_err *err)
{
    *out = NULL;
    FR_TRY(fr_ledger_open(":memory:", out, err));
    fr_ledger *l = *out;
    int rc = fr_store_begin(l->store, err);
    for (size_t i = 0; i < FR_COUNT_OF(SHEETS) && rc == 0; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s.jsonl", SHEETS[i].name);
        const fr_archive_member *m = fr_archive_find(a, name);
        rc = m != NULL ? read_sheet(l, &SHEETS[i], m->bytes, err)
                       : fr_fail(err, FR_E_FORMAT, "Bundle the ledger again.",
                                 "the bundle has no %s", name);
    }
    if (rc == 0)
        rc = fr_store_commit(l->store, err);
    if (rc != 0) {
        fr_ledger_close(l);
        *out = NULL;
    }
    return rc;
}

/* ---- checking ---- */

typedef struct {
    const fr_archive *archive;
    const json_t *manifest;
    FILE *out;
    fr_bundle_report *report;
} audit;

static void wrong(audit *a, const char *fmt, ...) FR_PRINTF(2, 3);
static void wrong(audit *a, const char *fmt, ...)
{
    a->report->n_wrong++;
    if (a->out == NULL)
        return;
    va_list args;
    va_start(args, fmt);
    vfprintf(a->out, fmt, args);
    va_end(args);
    fputc('\n', a->out);
}

static int check_files(audit *a, fr_err *err)
{
    const json_t *files = json_object_get(a->manifest, "files");
    const char *name;
    json_t *said;
    for (size_t i = 0; i < a->archive->n; i++) {
        const char *member = a->archive->at[i].name;
        if (strcmp(member, "manifest.json") != 0 && strcmp(member, "manifest.sig") != 0 &&
            json_object_get(files, member) == NULL)
            wrong(a, "%s: the manifest does not name it", member);
    }
    json_object_foreach((json_t *)files, name, said)
    {
        const fr_archive_member *m = fr_archive_find(a->archive, name);
        const char *hash = json_string_value(json_object_get(said, "sha256"));
        char is[FR_SHA256_HEX];
        if (m == NULL) {
            wrong(a, "%.100s: the manifest names it, and it is not there", name);
            continue;
        }
        FR_TRY(fr_sha256(m->bytes.at, m->bytes.n, is, err));
        if (hash == NULL || strcmp(hash, is) != 0)
            wrong(a, "%s: it is not the file that the manifest was made for (SHA-256)", m->name);
    }
    return 0;
}

static int expected_key(const char *key, char out[FR_PUBLIC_KEY_HEX], fr_err *err)
{
    if (strlen(key) == FR_PUBLIC_KEY_HEX - 1 && strspn(key, "0123456789abcdef") == strlen(key)) {
        memcpy(out, key, FR_PUBLIC_KEY_HEX);
        return 0;
    }
    return fr_sign_public(key, out, err);
}

static int check_signature(audit *a, const char *key, fr_err *err)
{
    const fr_archive_member *m = fr_archive_find(a->archive, "manifest.json");
    const fr_archive_member *s = fr_archive_find(a->archive, "manifest.sig");
    const char *signer = json_string_value(json_object_get(a->manifest, "public_key"));
    char wanted[FR_PUBLIC_KEY_HEX];
    if (key != NULL) {
        FR_TRY(expected_key(key, wanted, err));
        if (signer == NULL || strcmp(signer, wanted) != 0)
            wrong(a, "manifest.json: it is not signed by the key that was asked for");
    }
    if (signer == NULL && s == NULL)
        return 0;
    if (signer == NULL || s == NULL || s->bytes.n != FR_SIGNATURE_BYTES) {
        wrong(a, "manifest.sig: a key without a signature, or a signature without a key");
        return 0;
    }
    int rc =
        fr_sign_check(signer, m->bytes.at, m->bytes.n, (const unsigned char *)s->bytes.at, err);
    if (rc == FR_E_UNSUPPORTED)
        return rc;
    if (rc != 0)
        wrong(a, "manifest.sig: the signature does not hold");
    a->report->is_signed = rc == 0;
    if (rc == 0)
        snprintf(a->report->signer, sizeof a->report->signer, "%s", signer);
    return 0;
}

#define COLUMNS_MOST 128

/* Where our columns lie in theirs; a frugal of another version may have more or fewer. */
static int map_columns(audit *a, fr_csv *theirs, fr_csv *ours, size_t at[COLUMNS_MOST], size_t *n,
                       fr_err *err)
{
    const fr_str *said, *mine;
    size_t n_said, n_shared = 0;
    FR_TRY(fr_csv_next(theirs, &said, &n_said, err));
    FR_TRY(fr_csv_next(ours, &mine, n, err));
    *n = *n < COLUMNS_MOST ? *n : COLUMNS_MOST;
    for (size_t i = 0; i < *n; i++) {
        at[i] = SIZE_MAX;
        for (size_t k = 0; k < n_said && at[i] == SIZE_MAX; k++)
            if (fr_str_equal(said[k], mine[i]))
                at[i] = k;
        n_shared += at[i] != SIZE_MAX;
    }
    if (n_shared < 10 || n_said > COLUMNS_MOST)
        wrong(a, "figures.csv: it is not an export of a ledger");
    return 0;
}

/* Row by row, the columns that both have. */
static int check_figures(audit *a, fr_str said, fr_str made, fr_err *err)
{
    FR_AUTO(fr_csv) theirs = { 0 };
    FR_AUTO(fr_csv) ours = { 0 };
    size_t at[COLUMNS_MOST], n = 0, n_said = 1, n_made = 1, row = 1;
    const fr_str *s, *m;
    fr_csv_init(&theirs, said, "figures.csv");
    fr_csv_init(&ours, made, "figures.csv made anew");
    FR_TRY(map_columns(a, &theirs, &ours, at, &n, err));
    for (; n_said > 0 && n_made > 0; row++) {
        FR_TRY(fr_csv_next(&theirs, &s, &n_said, err));
        FR_TRY(fr_csv_next(&ours, &m, &n_made, err));
        if ((n_said == 0) != (n_made == 0))
            wrong(a, "figures.csv: it has %s rows than follow from the bundle",
                  n_said == 0 ? "fewer" : "more");
        for (size_t i = 0; i < n && n_said > 0 && n_made > 0; i++)
            if (at[i] != SIZE_MAX && (at[i] >= n_said || !fr_str_equal(s[at[i]], m[i]))) {
                wrong(a, "figures.csv, row %zu: '%.*s' does not follow, '%.*s' does", row,
                      at[i] < n_said ? (int)FR_MIN(s[at[i]].n, (size_t)60) : 0,
                      at[i] < n_said ? s[at[i]].at : "", (int)FR_MIN(m[i].n, (size_t)60), m[i].at);
                break; /* the first of a row is enough */
            }
    }
    return 0;
}

static int check_rows(audit *a, fr_err *err)
{
    fr_ledger *l = NULL;
    size_t n_wrong = 0;
    FR_AUTO(fr_buf) csv = { 0 };
    FR_TRY(import(a->archive, &l, err));
    const fr_archive_member *said = fr_archive_find(a->archive, "figures.csv");
    int rc = figures(l, &csv, err);
    if (rc == 0 && said == NULL)
        wrong(a, "figures.csv: it is not there");
    if (rc == 0 && said != NULL && !fr_str_equal(said->bytes, fr_buf_str(&csv)))
        rc = check_figures(a, said->bytes, fr_buf_str(&csv), err);
    if (rc == 0)
        rc = fr_ledger_verify(l, a->out, &a->report->n_checked, &n_wrong, err);
    a->report->n_wrong += n_wrong;
    json_int_t runs = json_integer_value(json_object_get(a->manifest, "runs"));
    if (rc == 0 && runs != (json_int_t)a->report->n_checked)
        wrong(a, "manifest.json: it says %lld runs and phases, there are %zu", (long long)runs,
              a->report->n_checked);
    fr_ledger_close(l);
    return rc;
}

static void copy_text(const json_t *manifest, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(manifest, key));
    size_t n = 0;
    for (; text != NULL && text[n] >= ' ' && n + 1 < size; n++)
        out[n] = text[n];
    out[n] = '\0';
}

int fr_bundle_verify(fr_str bytes, const char *key, FILE *out, fr_bundle_report *report,
                     fr_err *err)
{
    fr_archive archive;
    *report = (fr_bundle_report){ 0 };
    FR_TRY(fr_archive_read(bytes, &archive, err));
    const fr_archive_member *m = fr_archive_find(&archive, "manifest.json");
    json_t *manifest = m != NULL ? json_loadb(m->bytes.at, m->bytes.n, 0, NULL) : NULL;
    const char *kind = json_string_value(json_object_get(manifest, "kind"));
    if (kind == NULL || strcmp(kind, "frugal ledger bundle") != 0 ||
        json_integer_value(json_object_get(manifest, "schema")) != BUNDLE_SCHEMA) {
        json_decref(manifest);
        return fr_fail(err, FR_E_FORMAT, "It may be of a newer frugal, or no bundle at all.",
                       "no manifest of a bundle of schema %d", BUNDLE_SCHEMA);
    }
    audit a = { &archive, manifest, out, report };
    copy_text(manifest, "made", report->made, sizeof report->made);
    copy_text(manifest, "frugal", report->frugal, sizeof report->frugal);
    int rc = check_files(&a, err);
    if (rc == 0)
        rc = check_signature(&a, key, err);
    if (rc == 0)
        rc = check_rows(&a, err);
    json_decref(manifest);
    return rc;
}
