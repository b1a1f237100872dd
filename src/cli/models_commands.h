/* The subcommands of `frugal models`, one file each; each gets the command line (its first
 * positional is the subcommand itself) and returns 0 or fills err. Options stand in cmd_models.c.
 */
#ifndef FR_CLI_MODELS_COMMANDS_H
#define FR_CLI_MODELS_COMMANDS_H

#include "catalog/catalog.h"
#include "cli/cli.h"

int fr_models_list(fr_cli *cli, fr_err *err);
int fr_models_show(fr_cli *cli, fr_err *err);
int fr_models_import(fr_cli *cli, fr_err *err);
int fr_models_evaluate(fr_cli *cli, fr_err *err);
int fr_models_pull(fr_cli *cli, fr_err *err);
int fr_models_cascade(fr_cli *cli, fr_err *err);
int fr_models_probe(fr_cli *cli, fr_err *err);
int fr_models_context(fr_cli *cli, fr_err *err);
int fr_models_curve(fr_cli *cli, fr_err *err);

/** Where the curve of this machine is kept. Owned, free(). */
char *fr_models_curve_path(void);
/** $XDG_DATA_HOME/frugal/models: where models of this user lie. Owned, free(). */
char *fr_models_folder(void);
/** --catalog, else models.json beside that folder. Owned, free(). */
char *fr_models_catalog_path(fr_cli *cli);
/** The table, what was imported, and files of the models folder and each --dir. */
int fr_models_catalog(fr_cli *cli, fr_catalog *out, fr_err *err);
/** "1.5B", "135M", "260K"; "not stated". */
void fr_text_count(double n, char out[24]);
/** "1.3 GB"; "not stated". */
void fr_text_bytes(double bytes, char out[24]);
/** "3B", "135M" or a number. false: it is none. */
bool fr_count_of(const char *text, double *out);

#endif
