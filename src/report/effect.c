#include "report/effect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NAMES_MOST 8

void fr_effects_fini(fr_effects *e)
{
    free(e->at);
    *e = (fr_effects){ 0 };
}

static bool is_wanted(const fr_run_record *r)
{
    return !r->phase && r->leaf && strcmp(r->status, "done") == 0;
}

static char *name_of(const fr_run_record *r)
{
    return fr_dup_f("%s%s%s", r->kind, r->name != NULL ? " " : "", r->name != NULL ? r->name : "");
}

/* Samples of each name that was run after the change: before and after. */
typedef struct {
    char *name;
    fr_sample before, after;
} pair;
typedef struct {
    pair at[NAMES_MOST];
    size_t n;
    json_t *index; /* name: which */
} pairs;

static pair *pair_of(pairs *p, const fr_run_record *r, bool make)
{
    char *name = name_of(r);
    json_t *which = json_object_get(p->index, name);
    if (which == NULL && make && p->n < NAMES_MOST) {
        which = json_integer((json_int_t)p->n);
        json_object_set_new_nocheck(p->index, name, which);
        p->at[p->n++] = (pair){ .name = name };
        return &p->at[p->n - 1];
    }
    free(name);
    return which != NULL ? &p->at[json_integer_value(which)] : NULL;
}

static void pairs_fini(pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->at[i].name);
        fr_sample_fini(&p->at[i].before);
        fr_sample_fini(&p->at[i].after);
    }
    json_decref(p->index);
}

static void add(const pair *p, const fr_change *change, size_t which, fr_effects *out)
{
    if (p->before.n == 0 || p->after.n == 0)
        return;
    FR_GROW(out->at, out->n, out->cap);
    fr_effect *e = &out->at[out->n++];
    *e = (fr_effect){ .change = which,
                      .at_unix_ns = change->at_unix_ns,
                      .n_before = p->before.n,
                      .n_after = p->after.n,
                      .c = fr_compare(&p->before, &p->after) };
    snprintf(e->text, sizeof e->text, "%s", change->text);
    snprintf(e->name, sizeof e->name, "%s", p->name);
}

static int fill(fr_ledger *l, const fr_run_list *runs, int64_t from, int64_t at, int64_t to,
                pairs *out, fr_err *err)
{
    for (size_t i = 0; i < runs->n; i++) { /* newest first: names that ran after it */
        const fr_run_record *r = &runs->at[i];
        bool after = r->start_unix_ns >= at && r->start_unix_ns < to;
        pair *p = after && is_wanted(r) ? pair_of(out, r, true) : NULL;
        if (p != NULL)
            FR_TRY(fr_sample_add(&p->after, l, r, NULL, err));
    }
    for (size_t i = 0; i < runs->n; i++) {
        const fr_run_record *r = &runs->at[i];
        bool before = r->start_unix_ns >= from && r->start_unix_ns < at;
        pair *p = before && is_wanted(r) ? pair_of(out, r, false) : NULL;
        if (p != NULL)
            FR_TRY(fr_sample_add(&p->before, l, r, NULL, err));
    }
    return 0;
}

static int of_change(fr_ledger *l, const fr_run_list *runs, const fr_change *changes, size_t n,
                     size_t which, fr_effects *out, fr_err *err)
{
    int64_t from = which > 0 ? changes[which - 1].at_unix_ns : INT64_MIN;
    int64_t to = which + 1 < n ? changes[which + 1].at_unix_ns : INT64_MAX;
    pairs p = { .index = json_object() };
    int rc = fill(l, runs, from, changes[which].at_unix_ns, to, &p, err);
    for (size_t i = 0; i < p.n && rc == 0; i++)
        add(&p.at[i], &changes[which], which, out);
    pairs_fini(&p);
    return rc;
}

int fr_effects_of(fr_ledger *l, fr_effects *out, fr_err *err)
{
    FR_AUTO(fr_run_list) runs = { 0 };
    fr_change *changes = NULL;
    size_t n = 0;
    fr_effects_fini(out);
    FR_TRY(fr_ledger_changes(l, &changes, &n, err));
    int rc = n > 0 ? fr_ledger_list(l, &(fr_ledger_query){ 0 }, &runs, err) : 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = of_change(l, &runs, changes, n, i, out, err);
    fr_changes_free(changes, n);
    if (rc != 0)
        fr_effects_fini(out);
    return rc;
}
