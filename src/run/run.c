/*
 * One meter, one stack of phases. Every border (a phase opens or closes, a second has passed) takes
 * a reading; what lies between two borders belongs to the phase that was innermost, as buckets.
 *
 * Whole microjoules of the meter's sums since it opened are what is subtracted, not rounded
 * differences: so the buckets of a run add up to its own figure to the last microjoule.
 */
#include "run/run.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/host.h"
#include "base/log.h"
#include "base/mem.h"
#include "run/share.h"

#define FLUSH_S          1.0
#define WRITE_MOST_S     10.0
#define WRITES_PER_LIFE  1   /* what is not written yet is half of the run's life at most */
#define WRITE_EARLY      0.8 /* at a sample, rather than to wake up for it… */
#define WRITE_LATE       1.2 /* …unless no sample comes until then */
#define BUCKET_MOST_S    60.0
#define BUCKETS_PER_LIFE 60 /* a bucket grows with its run's age: 1 s first, then age / 60 */
#define SO_FAR_FRESH_NS  100000000
#define LAST_WORDS       4

struct fr_phase {
    fr_run *run;
    fr_phase *outer;
    fr_run_record record; /* its texts are owned */
    fr_reading begin;     /* at its begin */
    fr_reading own;       /* sum of the windows in which it was innermost */
    fr_reading bucket;    /* at the begin of the bucket that is open */
    double flops, own_flops;
    uint64_t tokens, own_tokens;
};

struct fr_run {
    pthread_mutex_t lock; /* guards all but `work` */
    fr_meter *meter;
    fr_ledger *ledger;
    fr_place place;
    fr_factors factors;
    fr_host host;
    fr_embodied embodied;
    int n_accelerators;
    fr_phase root;
    fr_phase *inner;        /* the innermost open one; the root when there is none */
    fr_reading last;        /* at the latest border */
    fr_reading window, now; /* scratch of a border and of a beat */
    int64_t written_ns;     /* when a bucket was last written */
    int64_t tried_ns;       /* when a beat last tried to */
    bool is_hurried; /* a beat does not wait for another program's write: the next one tries */
    int first_rc;    /* the first failure of a flush */
    fr_err first_err;
    bool lost; /* a bucket was closed that could not be written: told at the end */
    fr_noted last_words[LAST_WORDS]; /* fr_run_note_last() */
    size_t n_last_words;
    bool is_ending;    /* the ledger is held, for all that is written at the end */
    bool has_embodied; /* it is noted; with the first bucket, for it takes a meter to know it */
    fr_work_book work; /* has its own lock */
    bool flushing;
    pthread_t flusher;
    pthread_cond_t wake;
    bool stop;
    bool set_environment;
    char *outer_run; /* FRUGAL_RUN before us; NULL: none */
};

/* ---- readings ---- */

/* into += window. Devices are told apart by name; a meter may find them in another order. */
static void reading_add(fr_reading *into, const fr_reading *window)
{
    for (size_t i = 0; i < window->n_devices; i++) {
        const fr_device_reading *d = &window->devices[i];
        size_t at = 0;
        while (at < into->n_devices && strcmp(into->devices[at].name, d->name) != 0)
            at++;
        if (at == into->n_devices) {
            into->devices[into->n_devices++] = *d;
            continue;
        }
        fr_device_reading *sum = &into->devices[at];
        sum->machine_j += d->machine_j;
        sum->machine_low_j += d->machine_low_j;
        sum->machine_high_j += d->machine_high_j;
        sum->active_j += d->active_j;
        sum->active_low_j += d->active_low_j;
        sum->active_high_j += d->active_high_j;
        sum->idle_j += d->idle_j;
        sum->idle_low_j += d->idle_low_j;
        sum->idle_high_j += d->idle_high_j;
        sum->rest_j += d->rest_j;
        sum->rest_low_j += d->rest_low_j;
        sum->rest_high_j += d->rest_high_j;
        sum->total_low_j += d->total_low_j;
        sum->total_high_j += d->total_high_j;
        sum->busy_s += d->busy_s;
        sum->capacity_s += d->capacity_s;
    }
    into->monotonic_ns = window->monotonic_ns;
    into->unix_ns = window->unix_ns;
    into->duration_s += window->duration_s;
    into->cpu_s += window->cpu_s;
    into->machine_cpu_s += window->machine_cpu_s;
    into->gpu_s += window->gpu_s;
    into->meter_cpu_s += window->meter_cpu_s;
    into->samples += window->samples;
    into->missed += window->missed;
    memcpy(into->note, window->note, sizeof(into->note));
}

static int64_t whole_uj(double joules)
{
    return isfinite(joules) ? llround(joules * 1e6) : 0;
}

static const fr_device_reading *same_device(const fr_reading *r, const fr_device_reading *d)
{
    for (size_t i = 0; i < r->n_devices; i++)
        if (strcmp(r->devices[i].name, d->name) == 0)
            return &r->devices[i];
    return NULL;
}

static fr_bucket bucket_of(const fr_device_reading *now, const fr_device_reading *before, bool idle)
{
    static const fr_device_reading NOTHING = { 0 };
    const fr_device_reading *was = before != NULL ? before : &NOTHING;
    fr_bucket b = { .device = now->name,
                    .kind = fr_device_kind_name(now->kind),
                    .part = idle ? "idle" : "active",
                    .method = now->method,
                    .source = now->source };
    b.energy_uj = idle ? whole_uj(now->idle_j) - whole_uj(was->idle_j)
                       : whole_uj(now->active_j) - whole_uj(was->active_j);
    b.low_uj = idle ? whole_uj(now->idle_low_j) - whole_uj(was->idle_low_j)
                    : whole_uj(now->active_low_j) - whole_uj(was->active_low_j);
    b.high_uj = idle ? whole_uj(now->idle_high_j) - whole_uj(was->idle_high_j)
                     : whole_uj(now->active_high_j) - whole_uj(was->active_high_j);
    b.low_uj = FR_MIN(b.low_uj, b.energy_uj); /* rounding may cross by one */
    b.high_uj = FR_MAX(b.high_uj, b.energy_uj);
    return b;
}

/* ---- flushing; the lock is held ---- */

static void remember(fr_run *run, int rc, const fr_err *err)
{
    if (rc == 0 || run->first_rc != 0)
        return;
    run->first_rc = rc;
    run->first_err = *err;
    fr_log(FR_LOG_WARN, "%s", err->what);
}

static int note_embodied(fr_run *run, fr_err *err)
{
    const fr_embodied *e = &run->embodied;
    const fr_noted NOTES[] = {
        { "factor", "embodied_total_kg", e->total_kg, e->source },
        { "factor", "embodied_lifetime_s", e->lifetime_s, NULL },
        { "factor", "embodied_share_ratio", e->share_ratio, NULL },
        { "host", "accelerators", run->n_accelerators > 0 ? run->n_accelerators : NAN, NULL },
    };
    return fr_ledger_note_all(run->ledger, run->root.record.id, NOTES, FR_COUNT_OF(NOTES), err);
}

/* Writes the open bucket as it stands. A write that fails is made good by the next one. */
static int write_bucket(fr_run *run, fr_phase *phase, const fr_reading *now, fr_err *err)
{
    fr_bucket buckets[2 * FR_METER_DEVICES];
    size_t n = 0;
    if (run->ledger == NULL || now->unix_ns <= phase->bucket.unix_ns)
        return 0;
    for (size_t i = 0; i < now->n_devices; i++) {
        const fr_device_reading *d = &now->devices[i];
        for (int idle = 0; idle <= 1; idle++) {
            double joules = idle ? d->idle_j : d->active_j;
            if (!isfinite(joules))
                continue;
            fr_bucket b = bucket_of(d, same_device(&phase->bucket, d), idle);
            b.start_unix_ns = phase->bucket.unix_ns;
            b.end_unix_ns = now->unix_ns;
            if (!idle || b.high_uj != 0) /* that a counter stood still was measured, too */
                buckets[n++] = b;
        }
    }
    if (run->has_embodied || run->is_ending)
        return fr_ledger_add(run->ledger, phase->record.id, buckets, n, err);
    FR_TRY(fr_ledger_hold(run->ledger, err));
    int rc = note_embodied(run, err);
    if (rc == 0)
        rc = fr_ledger_add(run->ledger, phase->record.id, buckets, n, err);
    rc = fr_ledger_let_go(run->ledger, rc, err);
    run->has_embodied = rc == 0;
    return rc;
}

/* By the age at the last write: what was drawn until then is safe. */
static double write_every_s(const fr_run *run)
{
    double age_s = (double)(run->written_ns - run->root.begin.monotonic_ns) * 1e-9;
    return FR_MIN(FR_MAX(FLUSH_S, age_s / WRITES_PER_LIFE), WRITE_MOST_S);
}

/* A border: the time since the last one belongs to the innermost phase. */
static int border(fr_run *run, bool close_bucket, fr_reading *now, fr_err *err)
{
    FR_TRY((close_bucket ? fr_meter_read : fr_meter_peek)(run->meter, now, err));
    if (now->unix_ns <
        run->last.unix_ns) /* somebody set the clock back: time goes on all the same */
        now->unix_ns = run->last.unix_ns + (now->monotonic_ns - run->last.monotonic_ns);
    fr_phase *phase = run->inner;
    fr_reading_between(&run->last, now, &run->window);
    reading_add(&phase->own, &run->window);
    fr_work_settle(&run->work, &run->window);
    fr_reading_copy(&run->last, now);
    double unwritten_s = (double)(now->monotonic_ns - run->written_ns) * 1e-9;
    if (!close_bucket && unwritten_s < WRITE_EARLY * write_every_s(run))
        return 0;

    fr_err flush_err = { 0 };
    int rc = write_bucket(run, phase, now, &flush_err);
    if (rc == 0)
        run->written_ns = now->monotonic_ns;
    if (!run->is_hurried || rc != FR_E_BUSY)
        remember(run, rc, &flush_err);
    run->lost |= rc != 0 && close_bucket;
    double age_s = (double)(now->monotonic_ns - phase->begin.monotonic_ns) * 1e-9;
    double span_s = FR_MIN(FR_MAX(FLUSH_S, age_s / BUCKETS_PER_LIFE), BUCKET_MOST_S);
    double open_s = (double)(now->monotonic_ns - phase->bucket.monotonic_ns) * 1e-9;
    if (rc == 0 && (close_bucket || open_s >= 0.95 * span_s))
        fr_reading_copy(&phase->bucket, now);
    return 0;
}

/* When the open bucket is to be written [ns]; factor: WRITE_EARLY or WRITE_LATE. */
static int64_t write_due_ns(const fr_run *run, double factor)
{
    if (run->ledger == NULL)
        return INT64_MAX;
    int64_t due_ns = run->written_ns + (int64_t)(factor * write_every_s(run) * 1e9);
    return FR_MAX(due_ns, run->tried_ns + (int64_t)(FLUSH_S * 1e9 * WRITE_EARLY));
}

/* Whoever beats also passes on signals: he must not stand still for as long as a store may. */
static void write_in_haste(fr_run *run, int64_t now_ns)
{
    fr_err err = { 0 };
    run->tried_ns = now_ns;
    run->is_hurried = true;
    fr_ledger_wait_for_others(run->ledger, false);
    remember(run, border(run, false, &run->now, &err), &err);
    fr_ledger_wait_for_others(run->ledger, true);
    run->is_hurried = false;
}

int64_t fr_run_beat(fr_run *run)
{
    int64_t now_ns = fr_now_monotonic_ns();
    if (pthread_mutex_trylock(&run->lock) != 0) /* somebody is at a border: that is a sample */
        return now_ns + (int64_t)(fr_meter_period_s(run->meter) * 1e9);
    if (now_ns >= write_due_ns(run, WRITE_EARLY))
        write_in_haste(run, now_ns);
    int64_t due_ns = fr_meter_beat(run->meter);
    if (due_ns > write_due_ns(run, WRITE_EARLY)) /* or at that sample */
        due_ns = FR_MIN(due_ns, write_due_ns(run, WRITE_LATE));
    pthread_mutex_unlock(&run->lock);
    return due_ns;
}

static void *flush_always(void *user)
{
    fr_run *run = user;
    pthread_mutex_lock(&run->lock);
    while (!run->stop) {
        double wait_s = fr_work_is_told(&run->work) ? FLUSH_S : write_every_s(run);
        int64_t due_ns = fr_now_monotonic_ns() + (int64_t)(wait_s * 1e9);
        struct timespec until = { due_ns / 1000000000, due_ns % 1000000000 };
        int rc = pthread_cond_timedwait(&run->wake, &run->lock, &until);
        if (run->stop || rc == 0)
            continue;
        fr_reading *now = FR_NEW(fr_reading);
        fr_err err = { 0 };
        rc = border(run, false, now, &err);
        remember(run, rc, &err);
        free(now);
    }
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

/* ---- what a window took ---- */

static void used_of(const fr_run *run, const fr_reading *window, double flops, uint64_t tokens,
                    fr_used *out)
{
    fr_reading_copy(&out->reading, window);
    out->duration_s = window->duration_s;
    out->cpu_s = window->cpu_s;
    out->gpu_s = window->gpu_s;
    out->active = fr_reading_active(window, FR_DEVICE_NONE);
    out->idle = fr_reading_idle(window, FR_DEVICE_NONE);
    out->total = fr_reading_total(window);
    out->carbon =
        fr_carbon_of(out->total, &run->place, fr_embodied_g(&run->embodied, window->duration_s));
    out->account = fr_statement_of(out->total.value_j, out->carbon.embodied_g, &run->factors);
    out->flops = flops;
    out->tokens = tokens;
}

/*
 * The figure that the ledger keeps: whole microjoules between the two readings. Its range is the
 * meter's, which is narrower than the sum of the parts': what active loses, idle gains.
 */
static fr_energy whole_energy(const fr_reading *begin, const fr_reading *end, fr_energy total)
{
    int64_t uj = 0;
    for (size_t i = 0; i < end->n_devices; i++)
        for (int idle = 0; idle <= 1; idle++) {
            const fr_device_reading *d = &end->devices[i];
            uj += bucket_of(d, same_device(begin, d), idle).energy_uj;
        }
    total.value_j = (double)uj * 1e-6;
    total.low_j = FR_MIN(total.low_j, total.value_j);
    total.high_j = FR_MAX(total.high_j, total.value_j);
    return total;
}

/* ---- begin ---- */

static bool is_ulid(const char *text)
{
    return strlen(text) == FR_ULID_TEXT - 1 &&
           strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == FR_ULID_TEXT - 1;
}

static void place_into(fr_run_record *record, const fr_place *place)
{
    record->zone = place->zone != NULL ? place->zone : place->region;
    if (record->zone == NULL)
        record->zone = "stated";
    record->basis = place->basis;
    record->grid_source = place->source;
    record->grid_year = place->year;
    record->intensity_g_per_kwh = place->intensity_g_per_kwh;
    record->pue = place->pue;
}

/* All that the account is made with, so that it can be made again without our tables. */
static int note_factors(fr_run *run, fr_err *err)
{
    const fr_place *p = &run->place;
    const fr_factors *f = &run->factors;
    const fr_noted NOTES[] = {
        { "factor", "pue", p->pue, p->pue_source },
        { "factor", "place", NAN, p->assumed ? "assumed" : p->region },
        { "factor", "market_g_per_kwh", f->market_g_per_kwh, f->market_how },
        { "factor", "site_water_l_per_kwh", f->site_water_l_per_kwh, NULL },
        { "factor", "grid_water_l_per_kwh", f->grid_water_l_per_kwh, f->water_source },
        { "factor", "cloud", f->cloud, p->provider },
        { "host", "threads", run->host.n_threads, run->host.model_name },
        { "host", "ram_bytes", run->host.quota_ram_bytes > 0 ? run->host.quota_ram_bytes : NAN,
          NULL },
    };
    return fr_ledger_note_all(run->ledger, run->root.record.id, NOTES, FR_COUNT_OF(NOTES), err);
}

/* Once the meter is open it is known which accelerators there are. */
static void add_accelerators(fr_run *run)
{
    for (size_t i = 0; i < run->root.begin.n_devices; i++) {
        fr_device_kind kind = run->root.begin.devices[i].kind;
        run->n_accelerators += kind == FR_DEVICE_GPU || kind == FR_DEVICE_ACCELERATOR;
    }
    fr_embodied_add_accelerators(&run->embodied, run->n_accelerators);
}

/* The lines beside the location-based one, which the run's row holds. */
static int note_account(fr_run *run, const fr_used *whole, fr_err *err)
{
    /* Of the energy that the ledger keeps, to the microjoule. */
    const fr_energy *e = &run->root.record.energy;
    fr_statement s = fr_statement_of(e->value_j, run->root.record.embodied_g, &run->factors);
    double busy_s[2] = { 0 }, there_s[2] = { 0 };
    for (size_t i = 0; i < whole->reading.n_devices; i++) {
        const fr_device_reading *d = &whole->reading.devices[i];
        if (d->kind != FR_DEVICE_CPU && d->kind != FR_DEVICE_GPU)
            continue;
        busy_s[d->kind == FR_DEVICE_GPU] += d->busy_s;
        there_s[d->kind == FR_DEVICE_GPU] += d->capacity_s;
    }
    const fr_noted NOTES[] = {
        { "account", "market_g", s.market_g, run->factors.market_how },
        { "account", "water_site_l", s.water_site_l, NULL },
        { "account", "water_grid_l", s.water_grid_l, NULL },
        { "used", "cpu_ratio", there_s[0] > 0 ? busy_s[0] / there_s[0] : NAN, NULL },
        { "used", "gpu_ratio", there_s[1] > 0 ? busy_s[1] / there_s[1] : NAN, NULL },
    };
    return fr_ledger_note_all(run->ledger, run->root.record.id, NOTES, FR_COUNT_OF(NOTES), err);
}

static int record_first(fr_run *run, const fr_run_options *options, fr_err *err)
{
    FR_TRY(fr_ledger_open(options->ledger, &run->ledger, err));
    const char *parent = options->parent != NULL ? options->parent : getenv("FRUGAL_RUN");
    fr_run_record *r = &run->root.record;
    if (parent != NULL && is_ulid(parent))
        memcpy(r->parent, parent, sizeof(r->parent));
    FR_AUTO(fr_buf) command = { 0 };
    fr_ledger_redact(options->argv, &command);
    r->command = options->argv != NULL ? fr_buf_text(&command) : NULL;
    int rc = fr_ledger_hold(run->ledger, err);
    if (rc == 0) {
        rc = fr_ledger_begin(run->ledger, r, err);
        if (rc == 0)
            rc = note_factors(run, err);
        rc = fr_ledger_let_go(run->ledger, rc, err);
    }
    r->command = NULL;
    return rc;
}

/* A ledger that the user named must work; without our own, a run is worth more than its record. */
static int record_begin(fr_run *run, const fr_run_options *options, fr_err *err)
{
    if (options->ledger != NULL && options->ledger[0] == '\0')
        return 0;
    fr_err why = { 0 };
    int rc = record_first(run, options, &why);
    if (rc == 0)
        return 0;
    if (options->ledger != NULL)
        return fr_fail(err, rc, why.hint, "%s", why.what);
    fr_log(FR_LOG_WARN, "this run is not recorded: %s", why.what);
    fr_ledger_close(run->ledger);
    run->ledger = NULL;
    return 0;
}

/* A child finds us here. */
static void tell_children(fr_run *run)
{
    if (run->ledger == NULL)
        return;
    run->outer_run = fr_dup(getenv("FRUGAL_RUN"));
    run->set_environment = setenv("FRUGAL_RUN", run->root.record.id, 1) == 0;
}

static void run_free(fr_run *run)
{
    if (run->set_environment && run->outer_run != NULL)
        setenv("FRUGAL_RUN", run->outer_run, 1);
    else if (run->set_environment)
        unsetenv("FRUGAL_RUN");
    free(run->outer_run);
    if (run->meter != NULL)
        fr_meter_close(run->meter);
    fr_ledger_close(run->ledger);
    free((char *)run->root.record.kind);
    free((char *)run->root.record.name);
    free((char *)run->root.record.model_hash);
    free((char *)run->root.record.strategy);
    fr_work_fini(&run->work);
    pthread_cond_destroy(&run->wake);
    pthread_mutex_destroy(&run->lock);
    free(run);
}

static int begin(fr_run *run, const fr_run_options *options, fr_err *err)
{
    fr_run_record *r = &run->root.record;
    r->kind = fr_dup(options->kind != NULL ? options->kind : "run");
    r->name = fr_dup(options->name);
    r->model_hash = fr_dup(options->model_hash);
    r->strategy = fr_dup(options->strategy);
    fr_ulid(r->id);
    FR_TRY(fr_place_resolve(&options->place, &run->place, err));
    run->factors =
        fr_factors_of(&run->place, options->market_stated ? options->market_g_per_kwh : NAN);
    fr_meter_host(&options->meter, &run->host);
    run->embodied = fr_embodied_of_host(&run->host);
    place_into(r, &run->place);
    r->start_unix_ns = fr_now_unix_ns();
    FR_TRY(record_begin(run, options, err));
    tell_children(run); /* before the meter has a thread */
    fr_meter_options meter = options->meter;
    meter.host = &run->host;
    FR_TRY(fr_meter_open(&meter, &run->meter, err));
    FR_TRY(fr_meter_read(run->meter, &run->root.begin, err));
    add_accelerators(run);
    fr_reading_copy(&run->root.bucket, &run->root.begin);
    fr_reading_copy(&run->last, &run->root.begin);
    run->written_ns = run->root.begin.monotonic_ns;
    run->flushing =
        !options->meter.no_thread && pthread_create(&run->flusher, NULL, flush_always, run) == 0;
    return 0;
}

int fr_run_begin(const fr_run_options *options, fr_run **out, fr_err *err)
{
    *out = NULL;
    fr_run *run = FR_NEW(fr_run);
    pthread_mutex_init(&run->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&run->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    fr_work_init(&run->work);
    run->root.run = run;
    run->inner = &run->root;
    int rc = begin(run, options, err);
    if (rc != 0) {
        if (run->ledger != NULL) {
            run->root.record.status = "failed";
            fr_ledger_end(run->ledger, &run->root.record, NULL);
        }
        run_free(run);
        return rc;
    }
    *out = run;
    return 0;
}

const char *fr_run_id(const fr_run *run)
{
    return run->root.record.id;
}

const char *fr_phase_id(const fr_phase *phase)
{
    return phase->record.id;
}

const fr_place *fr_run_place(const fr_run *run)
{
    return &run->place;
}

const fr_factors *fr_run_factors(const fr_run *run)
{
    return &run->factors;
}

const fr_embodied *fr_run_embodied(const fr_run *run)
{
    return &run->embodied;
}

fr_meter *fr_run_meter(fr_run *run)
{
    return run->meter;
}

fr_ledger *fr_run_ledger(fr_run *run)
{
    return run->ledger;
}

fr_work_sink fr_run_work(fr_run *run)
{
    return fr_work_sink_of(&run->work);
}

fr_energy fr_run_so_far(fr_run *run)
{
    pthread_mutex_lock(&run->lock);
    fr_reading *now = FR_NEW(fr_reading);
    fr_reading *window = FR_NEW(fr_reading);
    if (fr_now_monotonic_ns() - run->last.monotonic_ns < SO_FAR_FRESH_NS ||
        fr_meter_read(run->meter, now, NULL) != 0)
        fr_reading_copy(now, &run->last);
    fr_reading_between(&run->root.begin, now, window);
    fr_energy total = fr_reading_total(window);
    free(now);
    free(window);
    pthread_mutex_unlock(&run->lock);
    return total;
}

int fr_run_read(fr_run *run, fr_reading *out, fr_err *err)
{
    pthread_mutex_lock(&run->lock);
    int rc = border(run, false, out, err);
    pthread_mutex_unlock(&run->lock);
    return rc;
}

/* ---- phases ---- */

static void take_work(fr_run *run)
{
    double flops;
    uint64_t tokens;
    fr_work_take(&run->work, &flops, &tokens);
    run->inner->own_flops += flops;
    run->inner->own_tokens += tokens;
    for (fr_phase *p = run->inner; p != NULL; p = p->outer) {
        p->flops += flops;
        p->tokens += tokens;
    }
}

int fr_phase_begin(fr_run *run, const char *kind, const char *name, fr_phase **out, fr_err *err)
{
    *out = NULL;
    fr_phase *phase = FR_NEW(fr_phase);
    pthread_mutex_lock(&run->lock);
    phase->run = run;
    phase->outer = run->inner;
    fr_run_record *r = &phase->record;
    *r = (fr_run_record){ .kind = fr_dup(kind), .name = fr_dup(name), .phase = true };
    memcpy(r->parent, run->inner->record.id, sizeof(r->parent));
    place_into(r, &run->place);
    take_work(run);
    int rc = border(run, true, &phase->begin, err);
    if (rc == 0) {
        r->start_unix_ns = phase->begin.unix_ns;
        fr_ulid(r->id);
        if (run->ledger != NULL)
            rc = fr_ledger_begin(run->ledger, r, err);
    }
    if (rc == 0) {
        fr_reading_copy(&phase->bucket, &phase->begin);
        run->inner = phase;
        *out = phase;
    }
    pthread_mutex_unlock(&run->lock);
    if (rc != 0) {
        free((char *)r->kind);
        free((char *)r->name);
        free(phase);
    }
    return rc;
}

int fr_run_note(fr_run *run, const char *kind, const char *name, double value, const char *text,
                fr_err *err)
{
    if (run->ledger == NULL)
        return 0;
    pthread_mutex_lock(&run->lock);
    int rc = fr_ledger_note(run->ledger, run->inner->record.id, kind, name, value, text, err);
    pthread_mutex_unlock(&run->lock);
    return rc;
}

int fr_run_note_last(fr_run *run, const char *kind, const char *name, double value,
                     const char *text, fr_err *err)
{
    if (run->n_last_words == LAST_WORDS)
        return fr_run_note(run, kind, name, value, text, err);
    run->last_words[run->n_last_words++] = (fr_noted){ kind, name, value, text };
    return 0;
}

/* Closes a phase's (or the run's) row with the whole of its window. */
static int note_meter(fr_run *run, const fr_used *whole, fr_err *err)
{
    const fr_reading *r = &whole->reading;
    const fr_noted NOTES[] = {
        { "meter", "overhead_j", fr_reading_overhead(r).value_j, NULL },
        { "meter", "samples", (double)r->samples, NULL },
        { "meter", "missed", r->missed > 0 ? (double)r->missed : NAN, NULL },
        { "meter", "note", NAN, r->note[0] != '\0' ? r->note : NULL },
    };
    return fr_ledger_note_all(run->ledger, run->root.record.id, NOTES, FR_COUNT_OF(NOTES), err);
}

static int record_end(fr_run *run, fr_phase *phase, const fr_reading *now, const char *status,
                      int exit_code, fr_used *used, fr_err *err)
{
    fr_reading *window = FR_NEW(fr_reading);
    fr_reading_between(&phase->begin, now, window);
    used_of(run, window, phase->flops, phase->tokens, used);
    free(window);
    if (run->ledger == NULL)
        return 0;
    fr_run_record *r = &phase->record;
    const fr_noted WORK[] = {
        { "work", "flops", phase->flops > 0 ? phase->flops : NAN, NULL },
        { "work", "tokens", phase->tokens > 0 ? (double)phase->tokens : NAN, NULL },
    };
    int rc = 0;
    if (phase->flops > 0 || phase->tokens > 0)
        rc = fr_ledger_note_all(run->ledger, r->id, WORK, FR_COUNT_OF(WORK), err);
    r->status = status != NULL ? status : "done";
    r->exit_code = exit_code;
    r->end_unix_ns = FR_MAX(now->unix_ns, r->start_unix_ns);
    r->duration_s = used->duration_s;
    r->cpu_s = used->cpu_s;
    r->gpu_s = used->gpu_s;
    r->embodied_g = fr_embodied_g(&run->embodied, used->duration_s);
    r->energy = used->total;
    if (r->energy.method != FR_METHOD_NONE)
        r->energy = whole_energy(&phase->begin, now, used->total);
    /* Before the end, which seals all that was noted. */
    if (rc == 0 && phase == &run->root)
        rc = note_account(run, used, err);
    if (rc == 0 && phase == &run->root)
        rc = note_meter(run, used, err);
    return rc != 0 ? rc : fr_ledger_end(run->ledger, r, err);
}

/* The innermost phase ends at a reading. The lock is held; the phase is freed. */
static int end_inner(fr_run *run, const fr_reading *now, const char *status, fr_used *used,
                     fr_err *err)
{
    fr_phase *phase = run->inner;
    int rc = record_end(run, phase, now, status, 0, used, err);
    run->inner = phase->outer;
    fr_reading_copy(&run->inner->bucket, now);
    free((char *)phase->record.kind);
    free((char *)phase->record.name);
    free(phase);
    return rc;
}

static bool is_open(const fr_run *run, const fr_phase *phase)
{
    for (const fr_phase *p = run->inner; p != NULL; p = p->outer)
        if (p == phase)
            return true;
    return false;
}

int fr_phase_end(fr_phase *phase, const char *status, fr_used *used, fr_err *err)
{
    if (phase == NULL)
        return 0;
    fr_run *run = phase->run;
    fr_used *scratch = FR_NEW(fr_used);
    fr_reading *now = FR_NEW(fr_reading);
    pthread_mutex_lock(&run->lock);
    take_work(run);
    int rc = border(run, true, now, err);
    if (rc != 0)
        fr_reading_copy(now, &run->last); /* the phase ends where it was last seen */
    while (is_open(run, phase)) {
        int end_rc = end_inner(run, now, status, scratch, err);
        rc = rc != 0 ? rc : end_rc;
    }
    pthread_mutex_unlock(&run->lock);
    if (used != NULL)
        *used = *scratch;
    free(now);
    free(scratch);
    return rc;
}

/* ---- end ---- */

static void stop_flusher(fr_run *run)
{
    if (!run->flushing)
        return;
    pthread_mutex_lock(&run->lock);
    run->stop = true;
    pthread_cond_signal(&run->wake);
    pthread_mutex_unlock(&run->lock);
    pthread_join(run->flusher, NULL);
}

static int note_last(fr_run *run, fr_err *err)
{
    if (!run->has_embodied)
        FR_TRY(note_embodied(run, err));
    run->has_embodied = true;
    return run->n_last_words == 0 ? 0
                                  : fr_ledger_note_all(run->ledger, run->root.record.id,
                                                       run->last_words, run->n_last_words, err);
}

int fr_run_end(fr_run *run, const char *status, int exit_code, fr_used *used, fr_used *remainder,
               fr_err *err)
{
    if (run == NULL)
        return 0;
    stop_flusher(run);
    fr_used *whole = FR_NEW(fr_used);
    fr_reading *now = FR_NEW(fr_reading);
    take_work(run);
    run->is_ending = run->ledger != NULL && fr_ledger_hold(run->ledger, NULL) == 0;
    int rc = run->ledger != NULL ? note_last(run, err) : 0;
    int end_rc = border(run, true, now, err);
    if (end_rc != 0)
        fr_reading_copy(now, &run->last);
    rc = rc != 0 ? rc : end_rc;
    while (run->inner != &run->root) {
        end_rc = end_inner(run, now, status, whole, err);
        rc = rc != 0 ? rc : end_rc;
    }
    end_rc = record_end(run, &run->root, now, status, exit_code, whole, err);
    rc = rc != 0 ? rc : end_rc;
    if (run->is_ending)
        rc = fr_ledger_let_go(run->ledger, rc, err);
    if (rc == 0 && run->lost) /* a flush that failed and was made good since is no failure */
        rc = fr_fail(err, run->first_rc, run->first_err.hint, "%s", run->first_err.what);
    if (used != NULL)
        *used = *whole;
    if (remainder != NULL)
        used_of(run, &run->root.own, run->root.own_flops, run->root.own_tokens, remainder);
    free(now);
    free(whole);
    run_free(run);
    return rc;
}

int fr_run_share_take(fr_run *run, uint64_t sequence, fr_share *out, fr_err *err)
{
    fr_reading *now = FR_NEW(fr_reading);
    pthread_mutex_lock(&run->lock);
    int rc = border(run, false, now, err);
    if (rc == 0)
        rc = fr_work_share_take(&run->work, sequence, out, err);
    pthread_mutex_unlock(&run->lock);
    free(now);
    return rc;
}
