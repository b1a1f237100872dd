/*
 * vectors_journal.c: what was added and taken away since the image was made, behind it in the file.
 *
 *   0  u32  "jrnl"
 *   4  u32  1 added, 2 taken away
 *   8  i64  id
 *  16  u64  fr_hash64 of bytes 4…15 and of the row
 *  24  f32  [dim], when added
 *
 * A record that is not whole ends the journal: it was being written when the program was killed,
 * and nobody was told that it was there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "rag/vectors_priv.h"

enum { RECORD_BYTES = 24, RECORD_ADD = 1, RECORD_DROP = 2 };

static uint64_t check_of(const uint8_t *record, const void *row, size_t row_bytes)
{
    return fr_hash64(row, row_bytes, fr_hash64(record + 4, 12, IMAGE_VERSION));
}

static void put(fr_buf *out, uint32_t kind, int64_t id, const float *row, size_t dim)
{
    uint8_t record[RECORD_BYTES];
    memcpy(record, "jrnl", 4);
    memcpy(record + 4, &kind, 4);
    memcpy(record + 8, &id, 8);
    uint64_t check = check_of(record, row, dim * sizeof(float));
    memcpy(record + 16, &check, 8);
    fr_buf_put(out, record, sizeof(record));
    fr_buf_put(out, row, dim * sizeof(float));
}

void journal_put_add(fr_buf *out, int64_t id, const float *row, size_t dim)
{
    put(out, RECORD_ADD, id, row, dim);
}

void journal_put_drop(fr_buf *out, int64_t id)
{
    put(out, RECORD_DROP, id, NULL, 0);
}

size_t journal_read(fr_vectors *v, const uint8_t *at, size_t n)
{
    size_t dim = v->spec.dim, done = 0;
    float *row = FR_NEW_N(float, dim);
    while (n - done >= RECORD_BYTES) {
        const uint8_t *record = at + done;
        uint32_t kind;
        int64_t id;
        uint64_t check;
        memcpy(&kind, record + 4, 4);
        memcpy(&id, record + 8, 8);
        memcpy(&check, record + 16, 8);
        size_t row_bytes = kind == RECORD_ADD ? dim * sizeof(float) : 0;
        if (memcmp(record, "jrnl", 4) != 0 || (kind != RECORD_ADD && kind != RECORD_DROP) ||
            n - done - RECORD_BYTES < row_bytes ||
            check != check_of(record, record + RECORD_BYTES, row_bytes))
            break;
        memcpy(row, record + RECORD_BYTES, row_bytes);
        if (kind == RECORD_ADD)
            put_row(v, id, row);
        else
            drop_row(v, id);
        done += RECORD_BYTES + row_bytes;
    }
    free(row);
    return done;
}
