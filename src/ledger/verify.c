/* Every stored figure again, from the raw buckets and the factors. What was stored is only compared
 * with; nothing here is written. */
#include "ledger/ledger_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    fr_ledger *l;
    FILE *out;
    size_t n_wrong;
} checker;

static void wrong(checker *c, const fr_run_record *r, const char *fmt, ...) FR_PRINTF(3, 4);
static void wrong(checker *c, const fr_run_record *r, const char *fmt, ...)
{
    c->n_wrong++;
    if (c->out == NULL)
        return;
    fprintf(c->out, "%s %s%s%s: ", r->id, r->kind, r->name != NULL ? " " : "",
            r->name != NULL ? r->name : "");
    va_list args;
    va_start(args, fmt);
    vfprintf(c->out, fmt, args);
    va_end(args);
    fputc('\n', c->out);
}

static bool near(double a, double b)
{
    return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b)) + 1e-15;
}

static int check_buckets(checker *c, const fr_run_record *r, int64_t *uj, size_t *n, fr_err *err)
{
    fr_bucket *b = NULL;
    int rc = fr_ledger_buckets_locked(c->l, r->seq, &b, n, err);
    for (size_t i = 0; i < *n && rc == 0; i++) {
        *uj += b[i].energy_uj;
        if (b[i].energy_uj < 0 || b[i].low_uj > b[i].energy_uj || b[i].high_uj < b[i].energy_uj)
            wrong(c, r,
                  "bucket of %s %s: %" PRId64 " uJ is not within its range %" PRId64 " to "
                  "%" PRId64,
                  b[i].device, b[i].part, b[i].energy_uj, b[i].low_uj, b[i].high_uj);
        if (b[i].end_unix_ns < b[i].start_unix_ns)
            wrong(c, r, "bucket of %s %s ends before it starts", b[i].device, b[i].part);
        for (size_t k = i + 1; k < *n && b[k].start_unix_ns < b[i].end_unix_ns; k++)
            if (strcmp(b[i].device, b[k].device) == 0 && strcmp(b[i].part, b[k].part) == 0 &&
                strcmp(b[i].kind, b[k].kind) == 0)
                wrong(c, r, "two buckets of %s %s overlap: its energy is counted twice",
                      b[i].device, b[i].part);
    }
    fr_buckets_free(b, *n);
    return rc;
}

/*
 * own buckets + phases = the run's own figure. Each whole number was rounded once: 1 uJ a piece.
 * all_uj are the sums over all buckets below: the run's range may be narrower than theirs (what one
 * part loses another may gain), never wider.
 */
static void check_conservation(checker *c, const fr_run_record *r, const fr_run_list *all,
                               int64_t own_uj, const int64_t all_uj[3], size_t n_buckets)
{
    int64_t parts_uj = own_uj;
    int64_t pieces = (int64_t)n_buckets + 1;
    for (size_t i = 0; i < all->n; i++) {
        const fr_run_record *child = &all->at[i];
        if (!child->phase || strcmp(child->parent, r->id) != 0)
            continue;
        if (strcmp(child->status, "running") == 0)
            return; /* not closed yet: nothing to hold it against */
        pieces++;
        if (!isnan(child->energy.value_j))
            parts_uj += llround(child->energy.value_j * 1e6);
    }
    if (isnan(r->energy.value_j)) {
        if (parts_uj != 0)
            wrong(c, r, "energy is recorded as unknown, its buckets and phases hold %.6f J",
                  (double)parts_uj * 1e-6);
        return;
    }
    int64_t said_uj = llround(r->energy.value_j * 1e6);
    int64_t slack_uj = pieces + (int64_t)(1e-9 * fabs((double)said_uj));
    if (llabs(said_uj - parts_uj) > slack_uj)
        wrong(c, r, "energy is recorded as %.6f J, its buckets and phases hold %.6f J",
              r->energy.value_j, (double)parts_uj * 1e-6);
    else if (llround(r->energy.low_j * 1e6) < all_uj[1] - slack_uj ||
             llround(r->energy.high_j * 1e6) > all_uj[2] + slack_uj)
        wrong(c, r, "its range %.6f to %.6f J is wider than that of its buckets, %.6f to %.6f J",
              r->energy.low_j, r->energy.high_j, (double)all_uj[1] * 1e-6,
              (double)all_uj[2] * 1e-6);
    if (r->energy.low_j > r->energy.value_j || r->energy.high_j < r->energy.value_j)
        wrong(c, r, "energy %.6f J is not within its range %.6f to %.6f J", r->energy.value_j,
              r->energy.low_j, r->energy.high_j);
}

static void check_carbon(checker *c, const fr_run_record *r)
{
    double operational_g = r->energy.value_j / 3.6e6 * r->pue * r->intensity_g_per_kwh;
    double embodied_g = isnan(r->embodied_g) ? 0 : r->embodied_g;
    if (!near(operational_g, r->operational_g))
        wrong(c, r,
              "operational carbon is recorded as %.9g g, energy x PUE %.4g x %.4g g/kWh gives "
              "%.9g g",
              r->operational_g, r->pue, r->intensity_g_per_kwh, operational_g);
    if (!near(operational_g + embodied_g, r->carbon_g))
        wrong(c, r, "carbon is recorded as %.9g g, operational and embodied give %.9g g",
              r->carbon_g, operational_g + embodied_g);
}

static double factor(const fr_note *notes, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(notes[i].kind, "factor") == 0 && strcmp(notes[i].name, name) == 0)
            return notes[i].value;
    return NAN;
}

/* A phase has no machine of its own: the factors stand with the run that holds the meter. */
static int check_embodied(checker *c, const fr_run_record *r, const fr_run_list *all, fr_err *err)
{
    const fr_run_record *holder = r;
    for (size_t hops = 0; holder->phase && hops < 64; hops++) {
        const fr_run_record *up = NULL;
        for (size_t i = 0; i < all->n && up == NULL; i++)
            if (strcmp(all->at[i].id, holder->parent) == 0)
                up = &all->at[i];
        if (up == NULL) {
            wrong(c, r, "the run that this phase belongs to (%s) is not in the ledger",
                  holder->parent);
            return 0;
        }
        holder = up;
    }
    fr_note *notes = NULL;
    size_t n = 0;
    FR_TRY(fr_ledger_notes_locked(c->l, holder->seq, &notes, &n, err));
    double total_kg = factor(notes, n, "embodied_total_kg");
    double lifetime_s = factor(notes, n, "embodied_lifetime_s");
    double share_ratio = factor(notes, n, "embodied_share_ratio");
    fr_notes_free(notes, n);
    double embodied_g = total_kg * 1000 * (r->duration_s / lifetime_s) * share_ratio;
    if (isnan(embodied_g) || isnan(r->embodied_g))
        return 0;
    if (fabs(embodied_g - r->embodied_g) > 1e-6 * fabs(embodied_g) + 1e-12)
        wrong(c, r, "embodied carbon is recorded as %.9g g, its factors give %.9g g", r->embodied_g,
              embodied_g);
    return 0;
}

/* A line of the account that was told, against its factor. */
static void check_line(checker *c, const fr_run_record *r, const fr_note *notes, size_t n,
                       const char *line, const char *factor_name, double kwh)
{
    double told = NAN, per_kwh = factor(notes, n, factor_name);
    for (size_t i = 0; i < n; i++)
        if (strcmp(notes[i].kind, "account") == 0 && strcmp(notes[i].name, line) == 0)
            told = notes[i].value;
    if (isnan(told) || isnan(per_kwh))
        return;
    if (!near(told, kwh * per_kwh))
        wrong(c, r, "%s is recorded as %.9g, %.9g kWh x %s %.9g gives %.9g", line, told, kwh,
              factor_name, per_kwh, kwh * per_kwh);
}

/* Market-based carbon and water; PUE is applied once, and not to the site's own water. */
static int check_account(checker *c, const fr_run_record *r, fr_err *err)
{
    fr_note *notes = NULL;
    size_t n = 0;
    FR_TRY(fr_ledger_notes_locked(c->l, r->seq, &notes, &n, err));
    double it_kwh = r->energy.value_j / 3.6e6;
    check_line(c, r, notes, n, "market_g", "market_g_per_kwh", it_kwh * r->pue);
    check_line(c, r, notes, n, "water_grid_l", "grid_water_l_per_kwh", it_kwh * r->pue);
    check_line(c, r, notes, n, "water_site_l", "site_water_l_per_kwh", it_kwh);
    fr_notes_free(notes, n);
    return 0;
}

/* "average 2026-11-22T18:00:00Z 1800": a figure of the grid that was used, and how long it held. */
static bool hour_of(const fr_note *note, const char *kind, int64_t *from, int64_t *to)
{
    char word[16], when[FR_TIME_TEXT];
    long long seconds;
    if (strcmp(note->kind, "hour") != 0 ||
        sscanf(note->name, "%15s %31s %lld", word, when, &seconds) != 3 ||
        strcmp(word, kind) != 0 || !fr_time_parse(when, from) || seconds <= 0 ||
        seconds > 366 * 86400LL)
        return false;
    *to = *from + seconds * 1000000000;
    return true;
}

/* Each bucket's energy by the grid of its own time; what no hour covers by the yearly figure, or,
 * as there is no yearly marginal one, not at all. */
static int check_hours(checker *c, const fr_run_record *r, const char *kind, const char *line,
                       fr_err *err)
{
    fr_note *notes = NULL;
    fr_bucket *b = NULL;
    size_t n = 0, n_buckets = 0;
    double told = NAN, sum = 0, covered_j = 0, all_j = 0;
    FR_TRY(fr_ledger_notes_locked(c->l, r->seq, &notes, &n, err));
    for (size_t i = 0; i < n; i++)
        if (strcmp(notes[i].kind, "account") == 0 && strcmp(notes[i].name, line) == 0)
            told = notes[i].value;
    int rc = isnan(told) ? 0 : fr_ledger_tree_buckets_locked(c->l, r->seq, &b, &n_buckets, err);
    for (size_t k = 0; k < n_buckets; k++) {
        double joules = (double)b[k].energy_uj * 1e-6;
        double span_ns = (double)(b[k].end_unix_ns - b[k].start_unix_ns);
        all_j += joules;
        for (size_t i = 0; i < n && span_ns > 0; i++) {
            int64_t from, to;
            if (!hour_of(&notes[i], kind, &from, &to))
                continue;
            from = from > b[k].start_unix_ns ? from : b[k].start_unix_ns;
            to = to < b[k].end_unix_ns ? to : b[k].end_unix_ns;
            if (to <= from)
                continue;
            covered_j += joules * ((double)(to - from) / span_ns);
            sum += joules * ((double)(to - from) / span_ns) * notes[i].value;
        }
    }
    fr_buckets_free(b, n_buckets);
    fr_notes_free(notes, n);
    if (rc != 0 || isnan(told) || !(all_j > 0))
        return rc;
    if (strcmp(kind, "average") == 0)
        sum += (all_j - covered_j) * r->intensity_g_per_kwh;
    double again_g = r->energy.value_j / 3.6e6 * r->pue * sum / all_j;
    if (fabs(told - again_g) > 1e-6 * fabs(again_g) + 1e-12)
        wrong(c, r, "%s is recorded as %.9g g, its buckets and hours give %.9g g", line, told,
              again_g);
    return 0;
}

static int check_run(checker *c, const fr_run_record *r, const fr_run_list *all, fr_err *err)
{
    int64_t own_uj = 0, all_uj[3], seen_unix_ns = 0;
    size_t n_buckets = 0, n_all = 0;
    fr_method method;
    FR_AUTO(fr_buf) source = { 0 };
    FR_TRY(check_buckets(c, r, &own_uj, &n_buckets, err));
    FR_TRY(
        fr_ledger_sum_locked(c->l, r->seq, all_uj, &method, &source, &seen_unix_ns, &n_all, err));
    check_conservation(c, r, all, own_uj, all_uj, n_all);
    if (n_all > 0 && method != r->energy.method && isfinite(r->energy.value_j))
        wrong(c, r, "method is recorded as %s, its buckets are %s",
              fr_method_name(r->energy.method), fr_method_name(method));
    check_carbon(c, r);
    FR_TRY(check_embodied(c, r, all, err));
    FR_TRY(check_account(c, r, err));
    FR_TRY(check_hours(c, r, "average", "hourly_g", err));
    FR_TRY(check_hours(c, r, "marginal", "marginal_g", err));
    if (r->end_unix_ns < r->start_unix_ns && r->duration_s >= 0)
        wrong(c, r, "ends before it starts");
    char seal[17];
    FR_TRY(fr_ledger_seal_locked(c->l, r->seq, seal, err));
    if (r->seal == NULL || strcmp(seal, r->seal) != 0)
        wrong(c, r, "its row, buckets or notes are not those that it was closed with (checksum)");
    return 0;
}

int fr_ledger_verify(fr_ledger *l, FILE *out, size_t *n_checked, size_t *n_wrong, fr_err *err)
{
    checker c = { .l = l, .out = out };
    *n_checked = 0;
    pthread_mutex_lock(&l->lock);
    FR_AUTO(fr_run_list) all = { 0 };
    int rc = fr_ledger_sweep_locked(l, err);
    if (rc == 0) /* one moment: a run that another program closes in between is not torn */
        rc = fr_store_exec(l->store, "BEGIN", err);
    if (rc == 0) {
        rc = fr_ledger_list_locked(l, &(fr_ledger_query){ 0 }, &all, err);
        for (size_t i = all.n; i-- > 0 && rc == 0;) {
            if (strcmp(all.at[i].status, "running") == 0)
                continue;
            rc = check_run(&c, &all.at[i], &all, err);
            (*n_checked)++;
        }
        fr_store_rollback(l->store);
    }
    pthread_mutex_unlock(&l->lock);
    *n_wrong = c.n_wrong;
    return rc;
}
