#include "report/sink.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "report/sink_priv.h"

#define BATCHES_MOST   240
#define BYTES_MOST     ((size_t)8 << 20)
#define BACKOFF_S      1.0
#define BACKOFF_MOST_S 60.0
#define TIMEOUT_S      10.0

static const fr_sink_row *const ROWS[] = { &fr_sink_prometheus, &fr_sink_otlp, &fr_sink_emf,
                                           &fr_sink_cloudwatch, &fr_sink_file };

struct fr_outbox {
    fr_buf bodies[BATCHES_MOST]; /* a ring: [first … first + n - 1] */
    size_t first, n, n_bytes;
    uint64_t dropped;
};

struct fr_sink {
    const fr_sink_row *row;
    void *state;
    fr_sink_options options;
    char host[256], where[128];
    pthread_mutex_t lock; /* guards the outbox, the counts and the waiting */
    pthread_cond_t wake;
    fr_outbox outbox;
    uint64_t sent;
    bool is_away, told_refusal;
    double pause_s;
    int64_t not_before_ns, deadline_ns; /* deadline: when closing; 0: none */
    bool closing;
    pthread_t thread;
    bool has_thread;
};

/* ---- the outbox ---- */

static void drop_oldest(fr_outbox *o)
{
    fr_buf *b = &o->bodies[o->first];
    o->n_bytes -= b->n;
    fr_buf_fini(b);
    o->first = (o->first + 1) % BATCHES_MOST;
    o->n--;
}

void fr_outbox_take(fr_outbox *o, fr_buf *b)
{
    if (b->n == 0)
        return;
    while (o->n > 0 && (o->n == BATCHES_MOST || o->n_bytes + b->n > BYTES_MOST)) {
        drop_oldest(o);
        o->dropped++;
    }
    o->n_bytes += b->n;
    o->bodies[(o->first + o->n++) % BATCHES_MOST] = *b;
    *b = (fr_buf){ 0 };
}

/* ---- sending; the lock is held, and let go while the other side is waited for ---- */

static bool may_come_back(int rc)
{
    return rc == FR_E_NETWORK || rc == FR_E_LIMIT || rc == FR_E_BUSY || rc == FR_E_IO;
}

static bool is_stopped(void *user)
{
    const fr_sink *s = user;
    int64_t deadline_ns = __atomic_load_n(&s->deadline_ns, __ATOMIC_RELAXED);
    return deadline_ns != 0 && fr_now_monotonic_ns() >= deadline_ns;
}

static void on_failure(fr_sink *s, int rc, const fr_err *err)
{
    if (may_come_back(rc) || rc == FR_E_INTERRUPTED) {
        if (!s->is_away && rc != FR_E_INTERRUPTED)
            fr_log(FR_LOG_WARN, "%s: %s; what it misses is kept and sent later", s->row->name,
                   err->what);
        s->is_away = true;
        s->pause_s = FR_MIN(FR_MAX(2 * s->pause_s, s->options.backoff_s), BACKOFF_MOST_S);
        s->not_before_ns = fr_now_monotonic_ns() + (int64_t)(s->pause_s * 1e9);
        return;
    }
    if (!s->told_refusal)
        fr_log(FR_LOG_WARN, "%s: %s; batches that are refused are dropped", s->row->name,
               err->what);
    s->told_refusal = true;
    s->outbox.dropped++;
}

/* Sends the oldest batch. It is out of the outbox meanwhile, and put back when it may go later. */
static void send_one(fr_sink *s)
{
    fr_outbox *o = &s->outbox;
    fr_buf body = o->bodies[o->first];
    o->bodies[o->first] = (fr_buf){ 0 };
    o->first = (o->first + 1) % BATCHES_MOST;
    o->n--;
    o->n_bytes -= body.n;
    pthread_mutex_unlock(&s->lock);
    fr_progress stop = { .stopped = is_stopped, .user = s };
    fr_err err = { 0 };
    int rc = s->row->send(s->state, fr_buf_str(&body), &stop, &err);
    pthread_mutex_lock(&s->lock);
    if (rc == 0) {
        s->sent++;
        s->pause_s = 0;
        s->not_before_ns = 0;
        if (s->is_away)
            fr_log(FR_LOG_WARN, "%s: is back", s->row->name);
        s->is_away = s->told_refusal = false;
        fr_buf_fini(&body);
        return;
    }
    on_failure(s, rc, &err);
    if (!may_come_back(rc) && rc != FR_E_INTERRUPTED) {
        fr_buf_fini(&body);
    } else if (o->n == BATCHES_MOST || o->n_bytes + body.n > BYTES_MOST) {
        o->dropped++; /* newer ones took its place */
        fr_buf_fini(&body);
    } else {
        o->first = (o->first + BATCHES_MOST - 1) % BATCHES_MOST;
        o->bodies[o->first] = body;
        o->n++;
        o->n_bytes += body.n;
    }
}

static bool may_send(const fr_sink *s)
{
    return s->outbox.n > 0 && fr_now_monotonic_ns() >= s->not_before_ns;
}

static void *sender(void *user)
{
    fr_sink *s = user;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        if (s->closing && (s->outbox.n == 0 || is_stopped(s)))
            break;
        if (may_send(s)) {
            send_one(s);
            continue;
        }
        int64_t until_ns = s->outbox.n > 0 ? s->not_before_ns : 0;
        if (s->closing)
            until_ns = FR_MIN(until_ns, s->deadline_ns);
        struct timespec until = { until_ns / 1000000000, until_ns % 1000000000 };
        if (until_ns != 0)
            pthread_cond_timedwait(&s->wake, &s->lock, &until);
        else
            pthread_cond_wait(&s->wake, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- the door ---- */

static const fr_sink_row *row_of(const char *kind)
{
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        if (strcmp(ROWS[i]->name, kind) == 0)
            return ROWS[i];
    }
    return NULL;
}

static int start_thread(fr_sink *s, fr_err *err)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes,
                              256 * 1024); /* name look-ups of the C library need some */
    errno = pthread_create(&s->thread, &attributes, sender, s);
    pthread_attr_destroy(&attributes);
    s->has_thread = errno == 0;
    return s->has_thread ? 0 : fr_fail_errno(err, NULL, "the sending thread cannot start");
}

int fr_sink_open(const char *kind, const char *where, const fr_sink_options *options, fr_sink **out,
                 fr_err *err)
{
    const fr_sink_row *row = row_of(kind);
    *out = NULL;
    if (row == NULL)
        return fr_fail(err, FR_E_USAGE, "prometheus, otlp, emf, cloudwatch and file are.",
                       "'%s' is no kind of sink", kind);
    fr_sink *s = FR_NEW(fr_sink);
    s->row = row;
    s->options = *options;
    if (!(s->options.timeout_s > 0))
        s->options.timeout_s = TIMEOUT_S;
    if (!(s->options.backoff_s > 0))
        s->options.backoff_s = BACKOFF_S;
    if (s->options.name_space == NULL)
        s->options.name_space = "frugal";
    if (s->options.host == NULL || s->options.host[0] == '\0') {
        if (gethostname(s->host, sizeof s->host - 1) != 0 || s->host[0] == '\0')
            strcpy(s->host, "localhost");
        s->options.host = s->host;
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = row->open(where, &s->options, &s->state, s->where, err);
    if (rc == 0 && row->is_remote)
        rc = start_thread(s, err);
    if (rc != 0) {
        fr_sink_close(s, 0, NULL);
        return rc;
    }
    *out = s;
    return 0;
}

void fr_sink_put(fr_sink *s)
{
    if (s->row->encode == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->row->encode(s->state, s->options.board, &s->outbox);
    pthread_cond_signal(&s->wake);
    while (!s->has_thread && may_send(s))
        send_one(s);
    pthread_mutex_unlock(&s->lock);
}

const char *fr_sink_kind(const fr_sink *s)
{
    return s->row->name;
}

const char *fr_sink_where(const fr_sink *s)
{
    return s->where;
}

static void look(const fr_sink *s, fr_sink_stats *out)
{
    *out = (fr_sink_stats){ s->sent, s->outbox.dropped, s->outbox.n };
}

void fr_sink_look(fr_sink *s, fr_sink_stats *out)
{
    pthread_mutex_lock(&s->lock);
    look(s, out);
    pthread_mutex_unlock(&s->lock);
}

void fr_sink_close(fr_sink *s, double wait_s, fr_sink_stats *stats)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    s->not_before_ns = 0; /* one last try, now */
    __atomic_store_n(&s->deadline_ns, fr_now_monotonic_ns() + (int64_t)(wait_s * 1e9),
                     __ATOMIC_RELAXED);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (s->has_thread)
        pthread_join(s->thread, NULL);
    pthread_mutex_lock(&s->lock);
    if (!s->has_thread && s->state != NULL && may_send(s))
        send_one(s);
    pthread_mutex_unlock(&s->lock);
    for (; s->outbox.n > 0; s->outbox.dropped++)
        drop_oldest(&s->outbox);
    if (stats != NULL)
        look(s, stats);
    if (s->state != NULL)
        s->row->close(s->state);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int fr_sink_judge(const char *where, int status, fr_str body, fr_err *err)
{
    if (status >= 200 && status < 300)
        return 0;
    bool later = status == 408 || status == 429 || (status >= 500 && status != 501);
    char said[160];
    size_t n = 0;
    for (size_t i = 0; i < body.n && n + 1 < sizeof said; i++) {
        char c = body.at[i];
        said[n++] = c >= ' ' && c <= '~' ? c : ' ';
    }
    said[n] = '\0';
    return fr_fail(err, later ? FR_E_NETWORK : FR_E_FAILED, NULL, "%s answered %d%s%s", where,
                   status, n > 0 ? ": " : "", said);
}
