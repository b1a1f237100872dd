/** ledger_priv.h: shared between the ledger's own files. */
#ifndef FR_LEDGER_PRIV_H
#define FR_LEDGER_PRIV_H

#include <pthread.h>
#include "ledger/ledger.h"
#include "store/store.h"

/** Who runs: enough to tell later, without a doubt, that it is gone. */
typedef struct {
    char host[256];     /* host name */
    char machine[64];   /* machine-id; "" unknown */
    char boot_id[64];   /* "" unknown */
    char pid_space[64]; /* the process-id namespace; "" unknown */
    int64_t pid, start_ticks;
} fr_identity;

typedef enum { FR_LIFE_UNKNOWN, FR_LIFE_ALIVE, FR_LIFE_GONE } fr_life;

void fr_identity_of_self(fr_identity *out);
/** UNKNOWN: another host or namespace; it is left alone. */
fr_life fr_identity_life(const fr_identity *who, const fr_identity *self);

/** A device as the file knows it. Such rows are never removed. */
typedef struct {
    char *device, *kind, *part, *source; /* owned */
    fr_method method;
    int64_t number;
} fr_known_device;

struct fr_ledger {
    pthread_mutex_t lock; /* guards all that follows, and the store */
    fr_store *store;
    char *path;
    fr_identity self;
    bool is_held;             /* in a transaction of fr_ledger_hold() */
    bool is_spoiled;          /* something in it failed */
    fr_known_device *devices; /* of this session, and committed or about to be */
    size_t n_devices, devices_cap;
    /* prepared once, for what is written every second */
    fr_query *q_seq, *q_sealed, *q_device, *q_device_add, *q_bucket;
};

/* The callers of these hold the lock. */
int fr_ledger_seq_of(fr_ledger *l, const char *run_id, int64_t *seq, fr_err *err);
int fr_ledger_list_locked(fr_ledger *l, const fr_ledger_query *query, fr_run_list *out,
                          fr_err *err);
int fr_ledger_buckets_locked(fr_ledger *l, int64_t seq, fr_bucket **out, size_t *n, fr_err *err);
int fr_ledger_tree_buckets_locked(fr_ledger *l, int64_t seq, fr_bucket **out, size_t *n,
                                  fr_err *err);
int fr_ledger_notes_locked(fr_ledger *l, int64_t seq, fr_note **out, size_t *n, fr_err *err);
int fr_ledger_sweep_locked(fr_ledger *l, fr_err *err);
/** Own buckets and those of phases below, summed. */
int fr_ledger_sum_locked(fr_ledger *l, int64_t seq, int64_t uj[3], fr_method *method,
                         fr_buf *source, int64_t *seen_unix_ns, size_t *n_buckets, fr_err *err);
/** The checksum over a run's row, buckets and notes as they stand: 16 hex digits. */
int fr_ledger_seal_locked(fr_ledger *l, int64_t seq, char out[17], fr_err *err);

#endif
