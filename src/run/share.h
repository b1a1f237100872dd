/** share.h: the run's book of work events: totals for phases, and shares of sequences. */
#ifndef FR_RUN_SHARE_H
#define FR_RUN_SHARE_H

#include <pthread.h>
#include "run/run.h"

#define FR_WORK_SEQUENCES 4096

typedef struct fr_work_slot {
    bool taken;
    fr_share share;
    double cpu_flops, gpu_flops; /* since the last settling */
} fr_work_slot;

typedef struct {
    pthread_mutex_t lock; /* guards all below; held for some additions only */
    double flops;         /* since the last fr_work_take() */
    uint64_t tokens;
    /* since the last settling */
    double cpu_flops, gpu_flops, step_cpu_s;
    double cpu_before_s;
    int processors;
    fr_work_slot *slots; /* [FR_WORK_SEQUENCES], made when an engine is given the sink */
} fr_work_book;

void fr_work_init(fr_work_book *book);
void fr_work_fini(fr_work_book *book);
fr_work_sink fr_work_sink_of(fr_work_book *book);
/** An engine was given the sink: windows must stay short. */
bool fr_work_is_told(fr_work_book *book);
/** Totals since the last call. */
void fr_work_take(fr_work_book *book, double *flops, uint64_t *tokens);
/** Shares a window's active energy among the sequences that worked in it. */
void fr_work_settle(fr_work_book *book, const fr_reading *window);
int fr_work_share_take(fr_work_book *book, uint64_t sequence, fr_share *out, fr_err *err);

#endif
