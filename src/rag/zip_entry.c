/*
 * One file out of a zip archive in memory (PKWARE APPNOTE 6.3). Nothing is ever written to a disk,
 * so names inside have no power; only the one that is asked for is unpacked, to a bounded size.
 *
 *   end of central directory, within the last 65,557 bytes
 *     0  4  "PK\5\6"       10  2  entries       12  4  size of the directory    16  4  where it is
 *   directory entry
 *     0  4  "PK\1\2"        8  2  flags (bit 0: encrypted)      10  2  method (0 stored, 8 deflate)
 *    20  4  packed         24  4  unpacked      28  2  name    30  2  extra    32  2  comment
 *    42  4  where the local header is           46     name
 *   local header
 *     0  4  "PK\3\4"       26  2  name          28  2  extra   30     name, extra, data
 *
 * zlib inflates; it is loaded when a packed file is met.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "rag/documents_priv.h"

#define ENTRIES_MOST   20000
#define UNPACKED_MOST  ((size_t)128 << 20)
#define RATIO_MOST     1000 /* deflate can do 1,032; text does 20 */
#define RATIO_FROM     ((size_t)1 << 20)
#define METHOD_STORED  0
#define METHOD_DEFLATE 8

/* z_stream of zlib's binary interface, the same in all of 1.x. */
typedef struct {
    const uint8_t *next_in;
    unsigned avail_in;
    unsigned long total_in;
    uint8_t *next_out;
    unsigned avail_out;
    unsigned long total_out;
    const char *msg;
    void *state;
    void *(*allocate)(void *, unsigned, unsigned);
    void (*release)(void *, void *);
    void *opaque;
    int data_type;
    unsigned long adler, reserved;
} z_stream;
enum { Z_OK = 0, Z_STREAM_END = 1, RAW_WINDOW = -15 };
typedef struct {
    bool loaded;
    int (*init)(z_stream *, int window, const char *version, int size);
    int (*inflate)(z_stream *, int flush);
    int (*end)(z_stream *);
} zlib_door;

static zlib_door door; /* filled once, under once */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool find(void *lib, const char *name, void *into)
{
    void *symbol = dlsym(lib, name);
    *(void **)into = symbol;
    return symbol != NULL;
}

static void load(void)
{
    void *lib = dlopen("libz.so.1", RTLD_NOW | RTLD_LOCAL);
    if (lib != NULL)
        door.loaded = find(lib, "inflateInit2_", &door.init) &&
                      find(lib, "inflate", &door.inflate) && find(lib, "inflateEnd", &door.end);
}

static unsigned u16(const char *at)
{
    const unsigned char *b = (const unsigned char *)at;
    return (unsigned)b[0] | (unsigned)b[1] << 8;
}

static uint32_t u32(const char *at)
{
    return u16(at) | (uint32_t)u16(at + 2) << 16;
}

static int broken(const char *name, const char *why, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "Open it in a reader and save it again.",
                   "'%s' is no sound zip archive: %s", name, why);
}

static int inflate_all(fr_str packed, size_t unpacked, const char *name, fr_buf *out, fr_err *err)
{
    pthread_once(&once, load);
    if (!door.loaded)
        return fr_fail(err, FR_E_UNSUPPORTED, "Install it: apt install zlib1g.",
                       "'%s': zlib, which unpacks it, is not on this machine", name);
    z_stream z = { .next_in = (const uint8_t *)packed.at, .avail_in = (unsigned)packed.n };
    uint8_t block[16384];
    if (door.init(&z, RAW_WINDOW, "1.2.11", (int)sizeof(z)) != Z_OK)
        return fr_fail(err, FR_E_UNSUPPORTED, NULL, "'%s': zlib cannot be used", name);
    int rc = Z_OK;
    size_t before = out->n;
    while (rc == Z_OK && out->n - before <= unpacked) {
        z.next_out = block;
        z.avail_out = sizeof(block);
        rc = door.inflate(&z, 0);
        fr_buf_put(out, block, sizeof(block) - z.avail_out);
    }
    door.end(&z);
    if (rc == Z_OK || (rc == Z_STREAM_END && out->n - before != unpacked))
        return broken(name, "a file in it is not as large as it says", err);
    return rc == Z_STREAM_END ? 0 : broken(name, "a file in it cannot be unpacked", err);
}

static int unpack(fr_str archive, const char *entry, const char *name, fr_buf *out, fr_err *err)
{
    size_t packed = u32(entry + 20), unpacked = u32(entry + 24), local = u32(entry + 42);
    unsigned method = u16(entry + 10);
    if ((u16(entry + 8) & 1) != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Save a copy without a password.",
                       "'%s' is encrypted", name);
    if (unpacked > UNPACKED_MOST || (unpacked > RATIO_FROM && unpacked / RATIO_MOST > packed))
        return fr_fail(err, FR_E_LIMIT, NULL,
                       "'%s' says that %zu bytes unpack to %zu: more than is believed", name,
                       packed, unpacked);
    if (local + 30 > archive.n || memcmp(archive.at + local, "PK\3\4", 4) != 0)
        return broken(name, "a file in it is not where it should be", err);
    size_t data = local + 30 + u16(archive.at + local + 26) + u16(archive.at + local + 28);
    if (data > archive.n || packed > archive.n - data)
        return broken(name, "a file in it ends after the archive", err);
    fr_str bytes = { archive.at + data, packed };
    if (method == METHOD_DEFLATE)
        return inflate_all(bytes, unpacked, name, out, err);
    if (method != METHOD_STORED || packed != unpacked)
        return broken(name, "it is packed in a way that is not known", err);
    fr_buf_put_str(out, bytes);
    return 0;
}

static bool find_end(fr_str archive, size_t *at)
{
    if (archive.n < 22)
        return false;
    size_t last = archive.n - 22, first = last > 65535 ? last - 65535 : 0;
    for (size_t i = last + 1; i-- > first;) {
        if (memcmp(archive.at + i, "PK\5\6", 4) == 0) {
            *at = i;
            return true;
        }
    }
    return false;
}

int zip_read(fr_str archive, const char *entry, const char *name, fr_buf *out, fr_err *err)
{
    size_t end, n = strlen(entry);
    if (!find_end(archive, &end))
        return broken(name, "it has no directory", err);
    size_t entries = u16(archive.at + end + 10), at = u32(archive.at + end + 16);
    const char *found = NULL;
    if (entries > ENTRIES_MOST)
        return fr_fail(err, FR_E_LIMIT, NULL, "'%s' holds more than %d files", name, ENTRIES_MOST);
    for (size_t i = 0; i < entries; i++) {
        if (at > end || end - at < 46 || memcmp(archive.at + at, "PK\1\2", 4) != 0)
            return broken(name, "its directory is cut short", err);
        const char *here = archive.at + at;
        size_t name_n = u16(here + 28), rest = name_n + u16(here + 30) + u16(here + 32);
        if (rest > end - at - 46)
            return broken(name, "its directory is cut short", err);
        if (name_n == n && memcmp(here + 46, entry, n) == 0) {
            if (found != NULL)
                return broken(name, "it holds a file twice", err);
            found = here;
        }
        at += 46 + rest;
    }
    if (found == NULL)
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "'%s' holds no %s", name, entry);
    return unpack(archive, found, name, out, err);
}
