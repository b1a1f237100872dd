/* Any bytes read as a user's table give a whole sheet (every row as wide as its heading, every cell
 * a text inside the sheet) or an error that names the file; overrides are refused whole or taken.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tables/sheet.h"
#include "tables/tables.h"

static char folder[] = "/tmp/frugal-fuzz-XXXXXX";
static char path[64];

static void clean_up(void)
{
    unlink(path);
    rmdir(folder);
}

static void check_sheet(fr_str bytes)
{
    FR_AUTO(fr_sheet) sheet = { 0 };
    fr_err err = { 0 };
    if (fr_sheet_parse(bytes, "table.csv", &sheet, &err) != 0) {
        if (strstr(err.what, "table.csv") == NULL || sheet.text != NULL)
            abort();
        return;
    }
    for (size_t r = 0; r < sheet.n_rows; r++) {
        if (sheet.lines[r] < 1 || (r > 0 && sheet.lines[r] < sheet.lines[r - 1]))
            abort();
        for (size_t c = 0; c < sheet.n_columns; c++) {
            const char *cell = fr_sheet_cell(&sheet, r, c);
            if (cell < sheet.text || strlen(cell) > bytes.n)
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (path[0] == '\0') {
        if (mkdtemp(folder) == NULL)
            abort();
        snprintf(path, sizeof path, "%s/grid.csv", folder);
        atexit(clean_up);
    }
    fr_str bytes = { (const char *)data, size };
    check_sheet(bytes);
    FILE *out = fopen(path, "w");
    if (out == NULL || fwrite(data, 1, size, out) != size || fclose(out) != 0)
        abort();
    fr_err err = { 0 };
    const fr_table *grid = fr_table_find("grid");
    size_t row;
    if (fr_tables_load_overrides(folder, &err) != 0) {
        if (strstr(err.what, "grid.csv") == NULL || !fr_table_lookup(grid, "zone", "FR", &row) ||
            fr_table_is_override(grid, row))
            abort();
    } else if (!fr_table_lookup(grid, "zone", "FR", &row)) {
        abort();
    }
    return 0;
}
