#include "store/postgres.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define TIMEOUT_S 60.0

/* libpq's own numbers; its ABI has kept them since version 7. */
enum { PQ_OK = 0, PQ_EMPTY = 0, PQ_COMMAND = 1, PQ_TUPLES = 2, PQ_DIAG_SQLSTATE = 'C' };

typedef struct pq_option {
    char *keyword, *env, *compiled, *value, *label, *shown;
    int size;
} pq_option;

typedef struct {
    bool loaded;
    void *(*connect)(const char *const *keys, const char *const *values, int expand);
    int (*status)(const void *connection);
    void (*finish)(void *connection);
    char *(*connection_error)(const void *connection);
    char *(*host)(const void *connection);
    char *(*database)(const void *connection);
    void *(*exec)(void *connection, const char *sql);
    void *(*exec_values)(void *connection, const char *sql, int n, const unsigned *types,
                         const char *const *values, const int *lengths, const int *formats,
                         int result_format);
    int (*result_status)(const void *result);
    char *(*result_error)(const void *result);
    char *(*error_field)(const void *result, int field);
    int (*n_rows)(const void *result);
    char *(*value)(const void *result, int row, int column);
    int (*is_null)(const void *result, int row, int column);
    void (*clear)(void *result);
    pq_option *(*parse)(const char *url, char **message);
    void (*parsed_free)(pq_option *options);
    void (*memory_free)(void *at);
} pq_door;

static pq_door door; /* filled once, under once */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
    void *lib = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL)
        return;
    const struct {
        const char *name;
        void *into;
    } symbols[] = {
        { "PQconnectdbParams", &door.connect },
        { "PQstatus", &door.status },
        { "PQfinish", &door.finish },
        { "PQerrorMessage", &door.connection_error },
        { "PQhost", &door.host },
        { "PQdb", &door.database },
        { "PQexec", &door.exec },
        { "PQexecParams", &door.exec_values },
        { "PQresultStatus", &door.result_status },
        { "PQresultErrorMessage", &door.result_error },
        { "PQresultErrorField", &door.error_field },
        { "PQntuples", &door.n_rows },
        { "PQgetvalue", &door.value },
        { "PQgetisnull", &door.is_null },
        { "PQclear", &door.clear },
        { "PQconninfoParse", &door.parse },
        { "PQconninfoFree", &door.parsed_free },
        { "PQfreemem", &door.memory_free },
    };
    for (size_t i = 0; i < FR_COUNT_OF(symbols); i++) {
        void *symbol = dlsym(lib, symbols[i].name);
        if (symbol == NULL)
            return;
        *(void **)symbols[i].into = symbol;
    }
    door.loaded = true;
}

static int open_door(fr_err *err)
{
    pthread_once(&once, load);
    if (door.loaded)
        return 0;
    return fr_fail(err, FR_E_UNSUPPORTED, "Install it: apt install libpq5.",
                   "libpq, which speaks to PostgreSQL for frugal, is not on this machine");
}

struct fr_postgres {
    void *connection;
    char *name; /* "db at host", for errors */
    double timeout_s;
};

struct fr_rows {
    void *result;
    size_t n;
};

bool fr_postgres_is_url(const char *where)
{
    return strncmp(where, "postgresql://", 13) == 0 || strncmp(where, "postgres://", 11) == 0;
}

bool fr_postgres_is_local(const char *url)
{
    if (!fr_postgres_is_url(url) || open_door(NULL) != 0)
        return false;
    char *message = NULL;
    pq_option *options = door.parse(url, &message);
    door.memory_free(message);
    const char *host = getenv("PGHOST");
    bool addressed = getenv("PGHOSTADDR") != NULL;
    for (pq_option *o = options; o != NULL && o->keyword != NULL; o++) {
        if (strcmp(o->keyword, "host") == 0 && o->value != NULL)
            host = o->value;
        addressed |= strcmp(o->keyword, "hostaddr") == 0 && o->value != NULL;
    }
    bool local = options != NULL && !addressed &&
                 (host == NULL || host[0] == '\0' || host[0] == '/') &&
                 (host == NULL || strchr(host, ',') == NULL);
    if (options != NULL)
        door.parsed_free(options);
    return local;
}

/* The server's words in one line. */
static fr_str first_line(const char *text)
{
    fr_str rest = fr_str_trim(fr_str_of(text)), line = rest;
    fr_str_next(&rest, '\n', &line);
    static const char *const HEADS[] = { "ERROR:", "FATAL:", "error:" };
    for (size_t i = 0; i < FR_COUNT_OF(HEADS); i++) {
        if (fr_str_starts(line, fr_str_of(HEADS[i])))
            line = (fr_str){ line.at + 6, line.n - 6 };
    }
    return fr_str_trim(line);
}

static int check_url(const char *url, fr_err *err)
{
    char *message = NULL;
    pq_option *options = door.parse(url, &message);
    int rc = options != NULL
                 ? 0
                 : fr_fail(err, FR_E_USAGE, "It looks like postgresql://user@host:5432/database.",
                           "the address of a PostgreSQL server is not understood");
    if (options != NULL)
        door.parsed_free(options);
    door.memory_free(message);
    return rc;
}

int fr_postgres_open(const char *url, double timeout_s, fr_postgres **out, fr_err *err)
{
    *out = NULL;
    FR_TRY(open_door(err));
    if (!fr_postgres_is_url(url))
        return fr_fail(err, FR_E_USAGE, "It looks like postgresql://user@host:5432/database.",
                       "that is not the address of a PostgreSQL server");
    FR_TRY(check_url(url, err));
    timeout_s = timeout_s > 0.0 ? timeout_s : TIMEOUT_S;
    char connect_s[24], settings[96], silent_ms[24];
    snprintf(connect_s, sizeof(connect_s), "%.0f", fmax(2.0, ceil(timeout_s)));
    snprintf(settings, sizeof(settings), "-c statement_timeout=%.0f -c client_min_messages=warning",
             fmax(1.0, timeout_s * 1e3));
    snprintf(silent_ms, sizeof(silent_ms), "%.0f", fmax(1.0, timeout_s * 1e3) + 2000.0);
    const char *keys[] = {
        "connect_timeout",           "options", "tcp_user_timeout", "client_encoding", "dbname",
        "fallback_application_name", NULL
    };
    const char *values[] = { connect_s, settings, silent_ms, "UTF8", url, "frugal", NULL };
    void *connection = door.connect(keys, values, 1);
    if (connection == NULL)
        return fr_fail(err, FR_E_NO_MEMORY, NULL, "no connection to PostgreSQL can be made");
    const char *host = door.host(connection), *database = door.database(connection);
    char *name = fr_dup_f("%s at %s", database != NULL ? database : "",
                          host != NULL && host[0] != '\0' ? host : "this machine");
    if (door.status(connection) != PQ_OK) {
        fr_str said = first_line(door.connection_error(connection));
        int rc = fr_fail(err, FR_E_NETWORK,
                         "Is the server there, and may you log in? `psql URL` tries the same.",
                         "PostgreSQL %s: %.*s", name, (int)FR_MIN(said.n, (size_t)160), said.at);
        door.finish(connection);
        free(name);
        return rc;
    }
    fr_postgres *pg = FR_NEW(fr_postgres);
    *pg = (fr_postgres){ .connection = connection, .name = name, .timeout_s = timeout_s };
    *out = pg;
    return 0;
}

void fr_postgres_free(fr_postgres *pg)
{
    if (pg == NULL)
        return;
    door.finish(pg->connection);
    free(pg->name);
    free(pg);
}

static int failed(fr_postgres *pg, const void *result, fr_err *err)
{
    const char *state = result != NULL ? door.error_field(result, PQ_DIAG_SQLSTATE) : NULL;
    fr_str said = first_line(result != NULL ? door.result_error(result)
                                            : door.connection_error(pg->connection));
    int n = (int)FR_MIN(said.n, (size_t)160);
    if (door.status(pg->connection) != PQ_OK)
        return fr_fail(err, FR_E_NETWORK, "Is the server still there? Run it again.",
                       "PostgreSQL %s: the connection is lost: %.*s", pg->name, n, said.at);
    if (state != NULL && strcmp(state, "57014") == 0)
        return fr_fail(err, FR_E_LIMIT, "A longer time limit may help.",
                       "PostgreSQL %s did not answer in %g s", pg->name, pg->timeout_s);
    if (state != NULL && strcmp(state, "42501") == 0)
        return fr_fail(err, FR_E_PERMISSION, "Ask its owner for the right.", "PostgreSQL %s: %.*s",
                       pg->name, n, said.at);
    return fr_fail(err, FR_E_FAILED, NULL, "PostgreSQL %s: %.*s", pg->name, n, said.at);
}

static int take(fr_postgres *pg, void *result, fr_rows **rows, fr_err *err)
{
    int status = result != NULL ? door.result_status(result) : -1, rc = 0;
    if (status != PQ_COMMAND && status != PQ_TUPLES && status != PQ_EMPTY)
        rc = failed(pg, result, err);
    if (rc == 0 && rows != NULL) {
        *rows = FR_NEW(fr_rows);
        **rows = (fr_rows){ result, (size_t)door.n_rows(result) };
        return 0;
    }
    door.clear(result);
    return rc;
}

int fr_postgres_query(fr_postgres *pg, const char *sql, const char *const *values, size_t n,
                      fr_rows **rows, fr_err *err)
{
    if (rows != NULL)
        *rows = NULL;
    return take(pg, door.exec_values(pg->connection, sql, (int)n, NULL, values, NULL, NULL, 0),
                rows, err);
}

int fr_postgres_exec(fr_postgres *pg, const char *sql, fr_err *err)
{
    return take(pg, door.exec(pg->connection, sql), NULL, err);
}

void fr_postgres_put_name(fr_buf *out, fr_str name)
{
    fr_buf_put_c(out, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.at[i] == '"')
            fr_buf_put_c(out, '"');
        fr_buf_put_c(out, name.at[i]);
    }
    fr_buf_put_c(out, '"');
}

size_t fr_rows_n(const fr_rows *rows)
{
    return rows->n;
}

const char *fr_rows_text(const fr_rows *rows, size_t row, int column)
{
    return door.is_null(rows->result, (int)row, column) != 0
               ? NULL
               : door.value(rows->result, (int)row, column);
}

double fr_rows_f64(const fr_rows *rows, size_t row, int column)
{
    const char *text = fr_rows_text(rows, row, column);
    double value = NAN;
    return text != NULL && fr_str_to_f64(fr_str_of(text), &value) ? value : NAN;
}

void fr_rows_free(fr_rows *rows)
{
    if (rows == NULL)
        return;
    door.clear(rows->result);
    free(rows);
}
