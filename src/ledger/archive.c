#include "ledger/archive.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BLOCK 512

/* Where the fields of a header lie. */
enum { NAME = 0, MODE = 100, UID = 108, GID = 116, SIZE = 124, TIME = 136, SUM = 148, TYPE = 156 };
enum { MAGIC = 257, VERSION = 263, PREFIX = 345 };

static unsigned sum_of(const unsigned char *header)
{
    unsigned sum = 0;
    for (int i = 0; i < BLOCK; i++)
        sum += i >= SUM && i < SUM + 8 ? ' ' : header[i];
    return sum;
}

/* Octal digits up to a space or NUL; false for anything else (base-256 sizes, too). */
static bool octal(const unsigned char *at, size_t n, uint64_t *out)
{
    size_t i = 0;
    *out = 0;
    while (i < n && at[i] == ' ')
        i++;
    size_t first = i;
    for (; i < n && at[i] >= '0' && at[i] <= '7'; i++)
        *out = *out * 8 + (uint64_t)(at[i] - '0');
    if (i == first || i - first > 11)
        return false;
    return i == n || at[i] == ' ' || at[i] == '\0';
}

static bool is_zero(const char *at)
{
    for (int i = 0; i < BLOCK; i++)
        if (at[i] != '\0')
            return false;
    return true;
}

static bool is_name(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && name[0] != '.' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static int bad(fr_err *err, const char *what, size_t at)
{
    return fr_fail(err, FR_E_FORMAT, "It should be what `frugal ledger export --bundle` wrote.",
                   "not a bundle: %s at byte %zu", what, at);
}

static int read_member(fr_str bytes, size_t *at, fr_archive *out, fr_err *err)
{
    const unsigned char *h = (const unsigned char *)bytes.at + *at;
    uint64_t size, sum;
    if (memcmp(h + MAGIC, "ustar", 5) != 0)
        return bad(err, "no tar header", *at);
    if (!octal(h + SUM, 8, &sum) || sum != sum_of(h))
        return bad(err, "a header whose sum is wrong", *at);
    if ((h[TYPE] != '0' && h[TYPE] != '\0') || h[PREFIX] != '\0')
        return bad(err, "a member that is no plain file", *at);
    if (!octal(h + SIZE, 12, &size) || size > bytes.n - *at - BLOCK)
        return bad(err, "a member that is cut short", *at);
    if (out->n == FR_ARCHIVE_MEMBERS)
        return bad(err, "too many members", *at);
    fr_archive_member *m = &out->at[out->n];
    memcpy(m->name, h + NAME, 100);
    m->name[100] = '\0';
    if (!is_name(m->name) || fr_archive_find(out, m->name) != NULL)
        return bad(err, "a name that is strange or comes twice", *at);
    m->bytes = (fr_str){ bytes.at + *at + BLOCK, (size_t)size };
    out->n++;
    *at += BLOCK + ((size_t)size + BLOCK - 1) / BLOCK * BLOCK;
    return 0;
}

int fr_archive_read(fr_str bytes, fr_archive *out, fr_err *err)
{
    size_t at = 0;
    out->n = 0;
    while (bytes.n >= BLOCK && at <= bytes.n - BLOCK) {
        if (is_zero(bytes.at + at))
            return 0;
        FR_TRY(read_member(bytes, &at, out, err));
    }
    return bad(err, "no end", bytes.n);
}

const fr_archive_member *fr_archive_find(const fr_archive *a, const char *name)
{
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->at[i].name, name) == 0)
            return &a->at[i];
    return NULL;
}

void fr_archive_put(fr_buf *out, const char *name, fr_str bytes, long long unix_s)
{
    static const char ZEROS[BLOCK] = { 0 };
    unsigned char h[BLOCK] = { 0 };
    char number[24];
    snprintf((char *)h + NAME, 100, "%s", name);
    memcpy(h + MODE, "0000644", 7);
    memcpy(h + UID, "0000000", 7);
    memcpy(h + GID, "0000000", 7);
    snprintf(number, sizeof number, "%011llo", (unsigned long long)bytes.n);
    memcpy(h + SIZE, number, 11);
    snprintf(number, sizeof number, "%011llo", (unsigned long long)unix_s & 077777777777);
    memcpy(h + TIME, number, 11);
    h[TYPE] = '0';
    memcpy(h + MAGIC, "ustar", 5);
    memcpy(h + VERSION, "00", 2);
    snprintf(number, sizeof number, "%06o", sum_of(h));
    memcpy(h + SUM, number, 6);
    h[SUM + 7] = ' ';
    fr_buf_put(out, h, BLOCK);
    fr_buf_put_str(out, bytes);
    fr_buf_put(out, ZEROS, (BLOCK - bytes.n % BLOCK) % BLOCK);
}

void fr_archive_end(fr_buf *out)
{
    static const char ZEROS[2 * BLOCK] = { 0 };
    fr_buf_put(out, ZEROS, sizeof ZEROS);
}
