/* frugal models import: leaderboards and model cards into the user's own catalogue. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "catalog/card.h"
#include "cli/models_commands.h"

static int import_one(const char *path, fr_catalog *c, size_t *n_models, fr_err *err)
{
    size_t n = 0;
    fr_str name = fr_str_of(path);
    if (fr_str_ends(name, FR_STR(".md"))) {
        fr_catalog_entry e;
        FR_TRY(fr_card_load(path, &e, err));
        fr_catalog_put(c, &e);
        *n_models += 1;
        return 0;
    }
    if (!fr_str_ends(name, FR_STR(".csv")) && !fr_str_ends(name, FR_STR(".json")))
        return fr_fail(err, FR_E_USAGE,
                       "A model card ends with .md, a leaderboard with .csv or .json.",
                       "cannot tell what '%s' is", path);
    FR_TRY(fr_leaderboard_load(path, c, &n, err));
    *n_models += n;
    return 0;
}

int fr_models_import(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_catalog) own = { 0 };
    size_t n = 0, n_models = 0;
    const char *first = NULL;
    FR_TRY(fr_arg_need(cli, 1, "a card (.md) or leaderboard (.csv, .json)", &first, err));
    char **rest = fr_arg_rest(cli, &n), *path = fr_models_catalog_path(cli),
         *dir = fr_path_dir(path);
    int rc = fr_catalog_read(&own, path, err);
    for (size_t i = 1; rc == 0 && i < n; i++)
        rc = import_one(rest[i], &own, &n_models, err);
    if (rc == 0)
        rc = fr_dir_make(dir, err);
    if (rc == 0)
        rc = fr_catalog_write(&own, path, err);
    if (rc == 0 && fr_cli_json(cli))
        fr_cli_put_json(cli, json_pack("{s:I,s:I,s:s}", "imported", (json_int_t)n_models, "models",
                                       (json_int_t)own.n, "catalog", path));
    else if (rc == 0)
        printf("%zu imported; %s holds %zu models\n", n_models, path, own.n);
    free(dir);
    free(path);
    return rc;
}
