/**
 * ledger/bundle.h: the evidence in one file: raw buckets, factors, hashes of the tables, versions
 * of the methods; signed when there is a key. Who has it can make every figure again without us.
 *
 *     FR_TRY(fr_bundle_write(ledger, &(fr_bundle_options){ .key = "key.pem" }, &tar, &n, err));
 *     FR_TRY(fr_bundle_verify(bytes, NULL, lines, &report, err));
 *
 * A tar file with manifest.json (what is in it, by SHA-256), run, device, bucket, note, unit and
 * change .jsonl (the rows as they stand in the ledger: first line the columns), figures.csv (what
 * follows from them), and manifest.sig (Ed25519 of the manifest's bytes). Everything but
 * figures.csv is enough for verify, which puts the rows into a ledger of its own, recomputes all as
 * fr_ledger_verify() does, and holds figures.csv against what that ledger exports.
 *
 * It holds what the ledger holds: names of hosts, and command lines as they were redacted.
 */
#ifndef FR_LEDGER_BUNDLE_H
#define FR_LEDGER_BUNDLE_H

#include "ledger/ledger.h"

typedef struct {
    const char *group, *name, *value; /* "tables", "grid", its SHA-256 */
} fr_bundle_fact;
typedef struct {
    const char *run; /* id: that run and all below it; NULL: all */
    const char *key; /* PEM file of an Ed25519 private key; NULL: not signed */
    const fr_bundle_fact *facts;
    size_t n_facts;
} fr_bundle_options;
/** Trees with a run that is open are left out. n_runs: runs and phases in it. */
int fr_bundle_write(fr_ledger *l, const fr_bundle_options *options, fr_buf *out, size_t *n_runs,
                    fr_err *err);

typedef struct {
    size_t n_checked, n_wrong; /* runs and phases; differences, each a line */
    bool is_signed;            /* with a signature that holds */
    char signer[65];           /* public key in hex; "" */
    char made[FR_TIME_TEXT], frugal[32];
} fr_bundle_report;
/**
 * key: the public key that must have signed (PEM file, or 64 hex digits); NULL: any or none.
 * FR_E_FORMAT: it is no bundle, or a row does not parse (file and line are named). Differences and
 * a signature that does not hold are lines to out (NULL: none) and counted.
 */
int fr_bundle_verify(fr_str bytes, const char *key, FILE *out, fr_bundle_report *report,
                     fr_err *err);

#endif
