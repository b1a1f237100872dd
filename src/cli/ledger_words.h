/** cli/ledger_words.h: the words of `frugal ledger` that have files of their own. l may be NULL
 * where nothing was recorded yet. */
#ifndef FR_CLI_LEDGER_WORDS_H
#define FR_CLI_LEDGER_WORDS_H

#include "carbon/signal.h"
#include "cli/cli.h"
#include "ledger/ledger.h"

int fr_ledger_word_unit(fr_cli *cli, fr_ledger *l, fr_err *err);    /* ledger_units.c */
int fr_ledger_word_change(fr_cli *cli, fr_ledger *l, fr_err *err);  /* ledger_units.c */
int fr_ledger_word_signal(fr_cli *cli, fr_ledger *l, fr_err *err);  /* ledger_hours.c */
int fr_ledger_word_compare(fr_cli *cli, fr_ledger *l, fr_err *err); /* ledger_compare.c */

int fr_ledger_word_bundle(fr_cli *cli, fr_ledger *l, const char *path, fr_err *err);
int fr_ledger_word_verify_bundle(fr_cli *cli, const char *path,
                                 fr_err *err); /* ledger_evidence.c */

/** "--NAME TEXT" as a time; FR_E_USAGE shows how it is written. NULL leaves *out. */
int fr_ledger_date(const char *option, const char *text, int64_t *out, fr_err *err);
int fr_ledger_none(fr_err *err); /* FR_E_NOT_FOUND: nothing was recorded yet */

/** "hourly" and "marginal" of a run's notes: objects or null; lines for people. */
json_t *fr_hours_json(const fr_note *notes, size_t n, fr_signal_kind kind);
void fr_hours_text(const fr_note *notes, size_t n, fr_buf *out);

#endif
