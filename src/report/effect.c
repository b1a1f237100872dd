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

static bool same_name(const fr_run_record *a, const fr_run_record *b)
{
    const char *x = a->name != NULL ? a->name : "", *y = b->name != NULL ? b->name : "";
    return strcmp(a->kind, b->kind) == 0 && strcmp(x, y) == 0;
}

/* Runs of one name in [from, to). */
static int sample(fr_ledger *l, const fr_run_list *runs, const fr_run_record *like, int64_t from,
                  int64_t to, fr_sample *out, fr_err *err)
{
    for (size_t i = runs->n; i-- > 0;) {
        const fr_run_record *r = &runs->at[i];
        if (is_wanted(r) && same_name(r, like) && r->start_unix_ns >= from && r->start_unix_ns < to)
            FR_TRY(fr_sample_add(out, l, r, NULL, err));
    }
    return 0;
}

static int one(fr_ledger *l, const fr_run_list *runs, const fr_run_record *like,
               const fr_change *change, int64_t from, int64_t to, fr_effects *out, size_t *n,
               fr_err *err)
{
    FR_AUTO(fr_sample) before = { 0 };
    FR_AUTO(fr_sample) after = { 0 };
    FR_TRY(sample(l, runs, like, from, change->at_unix_ns, &before, err));
    FR_TRY(sample(l, runs, like, change->at_unix_ns, to, &after, err));
    if (before.n == 0 || after.n == 0)
        return 0;
    FR_GROW(out->at, out->n, out->cap);
    fr_effect *e = &out->at[out->n++];
    *e = (fr_effect){ .at_unix_ns = change->at_unix_ns,
                      .n_before = before.n,
                      .n_after = after.n,
                      .c = fr_compare(&before, &after) };
    snprintf(e->text, sizeof e->text, "%s", change->text);
    snprintf(e->name, sizeof e->name, "%s%s%s", like->kind, like->name != NULL ? " " : "",
             like->name != NULL ? like->name : "");
    (*n)++;
    return 0;
}

static int of_change(fr_ledger *l, const fr_run_list *runs, const fr_change *changes, size_t n,
                     size_t which, fr_effects *out, fr_err *err)
{
    int64_t from = which > 0 ? changes[which - 1].at_unix_ns : INT64_MIN;
    int64_t to = which + 1 < n ? changes[which + 1].at_unix_ns : INT64_MAX;
    size_t names = 0, first = out->n;
    for (size_t i = 0; i < runs->n && names < NAMES_MOST; i++) {
        const fr_run_record *r = &runs->at[i];
        bool seen =
            !is_wanted(r) || r->start_unix_ns < changes[which].at_unix_ns || r->start_unix_ns >= to;
        for (size_t k = 0; k < i && !seen; k++) /* the newest of its name speaks for it */
            seen = is_wanted(&runs->at[k]) && same_name(&runs->at[k], r) &&
                   runs->at[k].start_unix_ns >= changes[which].at_unix_ns &&
                   runs->at[k].start_unix_ns < to;
        if (!seen)
            FR_TRY(one(l, runs, r, &changes[which], from, to, out, &names, err));
    }
    for (size_t i = first; i < out->n; i++)
        out->at[i].change = which;
    return 0;
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
