/**
 * hash.h: SHA-256 (FIPS 180-4) for identity, and a fast 64-bit hash (FNV-1a) for tables.
 *
 * SHA-256 is OpenSSL's libcrypto, loaded at the first call, so that what never hashes stays small.
 */
#ifndef FR_BASE_HASH_H
#define FR_BASE_HASH_H

#include <stdint.h>
#include "base/buf.h"

#define FR_SHA256_HEX 65 /* 64 digits and the NUL */

/** Digests bytes into lower-case hex. FR_E_UNSUPPORTED without libcrypto. */
int fr_sha256(const void *bytes, size_t n, char out[FR_SHA256_HEX], fr_err *err);
/** The same for a file, in blocks. */
int fr_sha256_file(const char *path, char out[FR_SHA256_HEX], fr_err *err);

uint64_t fr_hash64(const void *bytes, size_t n, uint64_t seed);

#endif
