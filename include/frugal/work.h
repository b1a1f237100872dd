/**
 * frugal/work.h: work events, the one way in which an engine tells a meter what it did.
 *
 * The engine calls the sink once per step, on the thread that ran the step, without allocating.
 * The receiver must not block. A step shorter than a sensor's sample shares the window's energy
 * by work weight (FLOPs), which is why each event carries both its times and its work.
 *
 *     static void count(void *user, const fr_work_event *event)
 *     {
 *         *(double *)user += event->flops;
 *     }
 *     fr_work_sink sink = { count, &flops };
 */
#ifndef FRUGAL_WORK_H
#define FRUGAL_WORK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fr_work_kind {
    FR_WORK_NONE,    /* nobody said */
    FR_WORK_LOAD,    /* mapping and packing weights */
    FR_WORK_PREFILL, /* only prompt tokens */
    FR_WORK_DECODE,  /* only generated tokens */
    FR_WORK_MIXED,   /* a batch step with both */
    FR_WORK_TRAIN,   /* forward, backward and update of one optimizer step */
    FR_WORK_SCORE,   /* forward only, for loss or likelihood */
    FR_WORK_SAVE     /* writing a checkpoint or model */
} fr_work_kind;

/** The part of one sequence in a step. */
typedef struct fr_work_part {
    uint64_t sequence;      /* the engine's id of the request */
    uint32_t prompt_tokens; /* prompt tokens computed in this step (not those from a cache) */
    uint32_t generated_tokens;
    double flops; /* this sequence's own work; the parts sum to the event's flops */
} fr_work_part;

/**
 * start_ns, end_ns   CLOCK_MONOTONIC.
 * device             "cpu", "cuda:0"; static.
 * flops, bytes       of the whole step: floating-point operations; bytes of weights and KV read.
 * parts              [n_parts], borrowed for the call; NULL where there are no sequences.
 */
typedef struct fr_work_event {
    fr_work_kind kind;
    int64_t start_ns, end_ns;
    const char *device;
    double flops;
    double bytes;
    uint64_t tokens;
    const fr_work_part *parts;
    size_t n_parts;
} fr_work_event;

typedef void (*fr_work_fn)(void *user, const fr_work_event *event);

/**
 * One operation of a step on one thread: what a profile is made of. Operations of a thread follow
 * each other; waiting for other threads is in the one that waited.
 *
 * op                 "matmul", "norm", "attention", "sample"…; static.
 * part               the weight, "attn_q"; NULL where there is none; static.
 * layer              -1: of no layer.
 * start_ns, end_ns   CLOCK_MONOTONIC.
 * flops, bytes       of this thread's share: operations; bytes of weights and KV read.
 */
typedef struct fr_op_event {
    const char *op, *part;
    int32_t layer, thread;
    int64_t start_ns, end_ns;
    double flops, bytes;
} fr_op_event;

/** Called by several threads at once; never by two with the same thread number. */
typedef void (*fr_op_fn)(void *user, const fr_op_event *event);

/**
 * fn NULL: nobody listens. user is borrowed for as long as the engine may step.
 * op NULL: nobody asks for single operations, and none is timed.
 */
typedef struct fr_work_sink {
    fr_work_fn fn;
    void *user;
    fr_op_fn op;
} fr_work_sink;

#ifdef __cplusplus
}
#endif
#endif
