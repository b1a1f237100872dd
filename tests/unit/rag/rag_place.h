/* rag_place.h: a folder of its own for each test of src/rag. */
#ifndef RAG_PLACE_H
#define RAG_PLACE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "rag/rag.h"

typedef struct {
    char dir[64];
    char index[96];
} place;

static inline int make_place(void **state)
{
    place *p = FR_NEW(place);
    snprintf(p->dir, sizeof(p->dir), "/tmp/frugal-rag-XXXXXX");
    if (mkdtemp(p->dir) == NULL)
        return 1;
    snprintf(p->index, sizeof(p->index), "%s/index.db", p->dir);
    *state = p;
    return 0;
}

static inline int clear_place(void **state)
{
    place *p = *state;
    char *command = fr_dup_f("rm -rf '%s'", p->dir);
    int rc = system(command);
    free(command);
    free(p);
    return rc;
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, clear_place)

#endif
