/** ledger_place.h: a folder of its own for a test, with a ledger in it. */
#ifndef LEDGER_PLACE_H
#define LEDGER_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ledger/ledger.h"

typedef struct {
    char dir[64];
    char file[128];
} ledger_place;

static inline int make_place(void **state)
{
    ledger_place *p = FR_NEW(ledger_place);
    snprintf(p->dir, sizeof(p->dir), "/tmp/frugal-ledger-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->file, sizeof(p->file), "%s/ledger.db", p->dir);
    *state = p;
    return 0;
}

static inline int clear_place(void **state)
{
    ledger_place *p = *state;
    char *command = fr_dup_f("rm -rf '%s'", p->dir);
    int rc = system(command);
    free(command);
    free(p);
    return rc;
}

static inline fr_ledger *ledger_at(const ledger_place *p)
{
    fr_ledger *l = NULL;
    fr_err err = { 0 };
    if (fr_ledger_open(p->file, &l, &err) != 0)
        fail_msg("%s", err.what);
    return l;
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, clear_place)

#endif
