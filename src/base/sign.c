#include "base/sign.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

#define KEY_MOST_BYTES 16384
#define ED25519        1087 /* NID_ED25519, pinned by OpenSSL's objects */

static struct {
    void *(*bio)(const void *bytes, int n);
    void (*bio_free)(void *bio);
    void *(*read_private)(void *bio, void **out, void *ask, void *user);
    void *(*read_public)(void *bio, void **out, void *ask, void *user);
    void *(*raw_public)(int type, void *engine, const unsigned char *bytes, size_t n);
    int (*get_public)(const void *key, unsigned char *out, size_t *n);
    int (*type)(const void *key);
    void (*key_free)(void *key);
    void *(*ctx_new)(void);
    void (*ctx_free)(void *ctx);
    int (*sign_init)(void *ctx, void **pctx, const void *md, void *engine, void *key);
    int (*sign)(void *ctx, unsigned char *out, size_t *out_n, const unsigned char *in, size_t n);
    int (*check_init)(void *ctx, void **pctx, const void *md, void *engine, void *key);
    int (*check)(void *ctx, const unsigned char *sig, size_t sig_n, const unsigned char *in,
                 size_t n);
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
    const char *type = dlsym(lib, "EVP_PKEY_get_id") != NULL ? "EVP_PKEY_get_id" : "EVP_PKEY_id";
    const struct {
        const char *name;
        void **at;
    } FUNCTIONS[] = { { "BIO_new_mem_buf", (void **)&crypto.bio },
                      { "BIO_free_all", (void **)&crypto.bio_free },
                      { "PEM_read_bio_PrivateKey", (void **)&crypto.read_private },
                      { "PEM_read_bio_PUBKEY", (void **)&crypto.read_public },
                      { "EVP_PKEY_new_raw_public_key", (void **)&crypto.raw_public },
                      { "EVP_PKEY_get_raw_public_key", (void **)&crypto.get_public },
                      { type, (void **)&crypto.type },
                      { "EVP_PKEY_free", (void **)&crypto.key_free },
                      { "EVP_MD_CTX_new", (void **)&crypto.ctx_new },
                      { "EVP_MD_CTX_free", (void **)&crypto.ctx_free },
                      { "EVP_DigestSignInit", (void **)&crypto.sign_init },
                      { "EVP_DigestSign", (void **)&crypto.sign },
                      { "EVP_DigestVerifyInit", (void **)&crypto.check_init },
                      { "EVP_DigestVerify", (void **)&crypto.check } };
    crypto.loaded = true;
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++) {
        *FUNCTIONS[i].at = dlsym(lib, FUNCTIONS[i].name);
        crypto.loaded = crypto.loaded && *FUNCTIONS[i].at != NULL;
    }
}

static int need_crypto(fr_err *err)
{
    pthread_once(&crypto_once, crypto_load);
    return crypto.loaded ? 0
                         : fr_fail(err, FR_E_UNSUPPORTED, "Install the package libssl3.",
                                   "libcrypto is missing, which signs and checks");
}

/* No pass phrase is asked for: nobody may be there to answer. */
static int no_pass_phrase(char *out, int size, int writing, void *user)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)user;
    return 0;
}

static int load_key(const char *path, bool private, void **out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = KEY_MOST_BYTES };
    *out = NULL;
    FR_TRY(need_crypto(err));
    FR_TRY(fr_file_read(path, KEY_MOST_BYTES, &text, err));
    for (int as_private = 1; as_private >= (private ? 1 : 0) && *out == NULL; as_private--) {
        void *bio = crypto.bio(fr_buf_text(&text), (int)text.n);
        *out = as_private ? crypto.read_private(bio, NULL, (void *)no_pass_phrase, NULL)
                          : crypto.read_public(bio, NULL, (void *)no_pass_phrase, NULL);
        crypto.bio_free(bio);
    }
    memset(text.at, 0, text.n);
    if (*out != NULL && crypto.type(*out) == ED25519)
        return 0;
    crypto.key_free(*out);
    *out = NULL;
    return fr_fail(
        err, FR_E_FORMAT,
        "openssl genpkey -algorithm ed25519 -out key.pem makes one; without pass phrase.",
        "'%s' holds no %sEd25519 key in PEM", path, private ? "private " : "");
}

static int hex_of(const void *key, char out[FR_PUBLIC_KEY_HEX], fr_err *err)
{
    unsigned char raw[FR_PUBLIC_KEY_BYTES];
    size_t n = sizeof raw;
    if (crypto.get_public(key, raw, &n) != 1 || n != sizeof raw)
        return fr_fail(err, FR_E_FAILED, NULL, "libcrypto gives no public key");
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", raw[i]);
    return 0;
}

int fr_sign_public(const char *key_path, char public_hex[FR_PUBLIC_KEY_HEX], fr_err *err)
{
    void *key;
    FR_TRY(load_key(key_path, false, &key, err));
    int rc = hex_of(key, public_hex, err);
    crypto.key_free(key);
    return rc;
}

int fr_sign(const char *key_path, const void *bytes, size_t n,
            unsigned char signature[FR_SIGNATURE_BYTES], char public_hex[FR_PUBLIC_KEY_HEX],
            fr_err *err)
{
    void *key;
    size_t signature_n = FR_SIGNATURE_BYTES;
    FR_TRY(load_key(key_path, true, &key, err));
    int rc = hex_of(key, public_hex, err);
    void *ctx = crypto.ctx_new();
    if (rc == 0 && (crypto.sign_init(ctx, NULL, NULL, NULL, key) != 1 ||
                    crypto.sign(ctx, signature, &signature_n, bytes, n) != 1 ||
                    signature_n != FR_SIGNATURE_BYTES))
        rc = fr_fail(err, FR_E_FAILED, NULL, "libcrypto does not sign");
    crypto.ctx_free(ctx);
    crypto.key_free(key);
    return rc;
}

int fr_sign_check(const char *public_hex, const void *bytes, size_t n,
                  const unsigned char signature[FR_SIGNATURE_BYTES], fr_err *err)
{
    unsigned char raw[FR_PUBLIC_KEY_BYTES];
    FR_TRY(need_crypto(err));
    bool ok = strlen(public_hex) == FR_PUBLIC_KEY_HEX - 1 &&
              strspn(public_hex, "0123456789abcdef") == FR_PUBLIC_KEY_HEX - 1;
    for (size_t i = 0; i < sizeof raw && ok; i++) {
        unsigned byte = 0;
        ok = sscanf(public_hex + 2 * i, "%2x", &byte) == 1;
        raw[i] = (unsigned char)byte;
    }
    void *key = ok ? crypto.raw_public(ED25519, NULL, raw, sizeof raw) : NULL;
    if (key == NULL)
        return fr_fail(err, FR_E_FORMAT, NULL, "'%.70s' is no Ed25519 public key", public_hex);
    void *ctx = crypto.ctx_new();
    ok = crypto.check_init(ctx, NULL, NULL, NULL, key) == 1 &&
         crypto.check(ctx, signature, FR_SIGNATURE_BYTES, bytes, n) == 1;
    crypto.ctx_free(ctx);
    crypto.key_free(key);
    return ok ? 0
              : fr_fail(err, FR_E_FAILED, NULL, "the signature is not of this key and these bytes");
}
