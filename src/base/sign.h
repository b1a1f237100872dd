/**
 * sign.h: Ed25519 signatures (RFC 8032), by OpenSSL's libcrypto, loaded at the first call.
 *
 *     openssl genpkey -algorithm ed25519 -out key.pem          the signer's, kept
 *     openssl pkey -in key.pem -pubout -out key.pub            for everybody
 */
#ifndef FR_BASE_SIGN_H
#define FR_BASE_SIGN_H

#include <stddef.h>
#include "base/err.h"

#define FR_SIGNATURE_BYTES  64
#define FR_PUBLIC_KEY_BYTES 32
#define FR_PUBLIC_KEY_HEX   65 /* 64 digits and the NUL */

/** Signs with the private key of a PEM file. FR_E_FORMAT: it is no Ed25519 key. */
int fr_sign(const char *key_path, const void *bytes, size_t n,
            unsigned char signature[FR_SIGNATURE_BYTES], char public_hex[FR_PUBLIC_KEY_HEX],
            fr_err *err);
/** 0 good; FR_E_FAILED: it is not that key's signature of those bytes. */
int fr_sign_check(const char *public_hex, const void *bytes, size_t n,
                  const unsigned char signature[FR_SIGNATURE_BYTES], fr_err *err);
/** The public key in a PEM file (public or private). */
int fr_sign_public(const char *key_path, char public_hex[FR_PUBLIC_KEY_HEX], fr_err *err);

#endif
