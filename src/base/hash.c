#include "base/hash.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

/* The six functions of libcrypto's digest interface (OpenSSL 3, also there in 1.1). */
static struct {
    void *(*ctx_new)(void);
    void (*ctx_free)(void *ctx);
    const void *(*sha256)(void);
    int (*begin)(void *ctx, const void *type, void *engine);
    int (*update)(void *ctx, const void *bytes, size_t n);
    int (*end)(void *ctx, unsigned char *digest, unsigned *n);
    bool loaded;
} crypto;
static pthread_once_t crypto_once = PTHREAD_ONCE_INIT;

static void crypto_load(void)
{
    void *lib = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL)
        lib = dlopen("libcrypto.so.1.1", RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL)
        return;
    *(void **)&crypto.ctx_new = dlsym(lib, "EVP_MD_CTX_new");
    *(void **)&crypto.ctx_free = dlsym(lib, "EVP_MD_CTX_free");
    *(void **)&crypto.sha256 = dlsym(lib, "EVP_sha256");
    *(void **)&crypto.begin = dlsym(lib, "EVP_DigestInit_ex");
    *(void **)&crypto.update = dlsym(lib, "EVP_DigestUpdate");
    *(void **)&crypto.end = dlsym(lib, "EVP_DigestFinal_ex");
    crypto.loaded = crypto.ctx_new && crypto.ctx_free && crypto.sha256 && crypto.begin &&
                    crypto.update && crypto.end;
}

static int digest_begin(void **ctx, fr_err *err)
{
    pthread_once(&crypto_once, crypto_load);
    if (!crypto.loaded)
        return fr_fail(err, FR_E_UNSUPPORTED, "Install the package libssl3.",
                       "libcrypto is missing, which computes SHA-256");
    *ctx = crypto.ctx_new();
    if (*ctx == NULL || crypto.begin(*ctx, crypto.sha256(), NULL) != 1) {
        crypto.ctx_free(*ctx);
        return fr_fail(err, FR_E_FAILED, NULL, "libcrypto gives no SHA-256");
    }
    return 0;
}

static void digest_end(void *ctx, char out[FR_SHA256_HEX])
{
    unsigned char digest[64];
    unsigned n = 0;
    crypto.end(ctx, digest, &n);
    crypto.ctx_free(ctx);
    for (size_t i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

int fr_sha256(const void *bytes, size_t n, char out[FR_SHA256_HEX], fr_err *err)
{
    void *ctx = NULL;
    FR_TRY(digest_begin(&ctx, err));
    crypto.update(ctx, bytes, n);
    digest_end(ctx, out);
    return 0;
}

int fr_sha256_file(const char *path, char out[FR_SHA256_HEX], fr_err *err)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return fr_fail_errno(err, NULL, "cannot open '%s'", path);
    void *ctx = NULL;
    int rc = digest_begin(&ctx, err);
    if (rc == 0) {
        char block[1 << 16];
        for (size_t n; (n = fread(block, 1, sizeof(block), file)) != 0;)
            crypto.update(ctx, block, n);
        digest_end(ctx, out);
        if (ferror(file))
            rc = fr_fail_errno(err, NULL, "cannot read '%s'", path);
    }
    fclose(file);
    return rc;
}

uint64_t fr_hash64(const void *bytes, size_t n, uint64_t seed)
{
    uint64_t hash = 14695981039346656037ull ^ seed;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211ull;
    return hash;
}
