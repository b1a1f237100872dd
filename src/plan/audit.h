/**
 * plan/audit.h: a project against the known good practice (data/practices.csv): what is done, with
 * the evidence; what does not apply, and why; what is open, and the command that would answer it.
 *
 *     FR_TRY(fr_audit(&(fr_audit_options){ .ledger = ledger, .folder = "." }, &audit, err));
 *
 * Evidence is what was recorded or written: runs, strategies, places, units and changes of the
 * ledger; task files and frugal.yaml of the folder. Nothing is taken on trust and nothing is asked
 * of the network. A practice that only people can answer stays open and says so.
 */
#ifndef FR_PLAN_AUDIT_H
#define FR_PLAN_AUDIT_H

#include "ledger/ledger.h"

typedef enum { FR_AUDIT_OPEN, FR_AUDIT_DONE, FR_AUDIT_NOT_APPLICABLE } fr_audit_status;
const char *fr_audit_status_name(fr_audit_status s); /* "open", "done", "not applicable" */

typedef struct {
    int id;
    const char *stage, *practice; /* static */
    fr_audit_status status;
    char evidence[200]; /* of done: what was found; of not applicable: why; of open: what is missing
                         */
    char command[96];   /* that would answer it; "" when only people can */
} fr_audit_row;
typedef struct {
    fr_audit_row *at; /* [n], by id */
    size_t n, n_done, n_not_applicable, n_open;
    size_t n_runs, n_tasks;
    bool has_config;
} fr_audit_result;
void fr_audit_result_fini(fr_audit_result *r);
FR_AUTO_DEFINE(fr_audit_result);

typedef struct {
    fr_ledger *ledger;  /* NULL: nothing was recorded */
    const char *folder; /* of the project: its frugal.yaml and task files; NULL: "." */
} fr_audit_options;
/** FR_E_NOT_FOUND: no such folder; FR_E_USAGE or FR_E_FORMAT: its frugal.yaml does not parse. */
int fr_audit(const fr_audit_options *options, fr_audit_result *out, fr_err *err);

#endif
