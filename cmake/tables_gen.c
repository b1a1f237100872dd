/*
 * The table compiler: tables_gen OUT.c NAME=FILE.csv… writes data/ as constant C.
 * Runs at build time; each text is kept once, so that a source that stands in 2,000 rows costs
 * its length one time.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tables/sheet.h"

#define SLOTS (1u << 16)

static struct {
    char *text;
    size_t n, cap;
    uint32_t slots[SLOTS]; /* offset + 1; 0 is free */
} pool;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "tables_gen: %s: %s\n", what, why);
    exit(1);
}

static uint32_t pool_put(const char *text)
{
    uint32_t hash = 2166136261u;
    for (const char *c = text; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    for (uint32_t probe = 0; probe < SLOTS; probe++) {
        uint32_t *slot = &pool.slots[(hash + probe) & (SLOTS - 1)];
        if (*slot != 0 && strcmp(pool.text + *slot - 1, text) == 0)
            return *slot - 1;
        if (*slot != 0)
            continue;
        size_t length = strlen(text) + 1;
        if (pool.n + length > pool.cap) {
            pool.cap = (pool.n + length) * 2;
            pool.text = realloc(pool.text, pool.cap);
            if (pool.text == NULL)
                die("pool", "not enough memory");
        }
        memcpy(pool.text + pool.n, text, length);
        *slot = (uint32_t)pool.n + 1;
        pool.n += length;
        return *slot - 1;
    }
    die("pool", "more than 65536 different texts: widen SLOTS");
    return 0;
}

static void put_literal(FILE *out, const char *text, size_t n)
{
    fputs("    \"", out);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\' || c == '?' || c < 32 || c > 126)
            fprintf(out, "\\%03o", c);
        else
            fputc(c, out);
        if (i % 80 == 79 && i + 1 < n)
            fputs("\"\n    \"", out);
    }
    fputs("\"", out);
}

static void put_table(FILE *out, const char *name, const fr_sheet *sheet)
{
    fprintf(out, "static const char *const columns_%s[] = {\n", name);
    for (size_t c = 0; c < sheet->n_columns; c++) {
        put_literal(out, sheet->columns[c], strlen(sheet->columns[c]));
        fputs(",\n", out);
    }
    fprintf(out, "};\nstatic const uint32_t cells_%s[] = {\n", name);
    for (size_t i = 0; i < sheet->n_rows * sheet->n_columns; i++)
        fprintf(out, "%u,%s", pool_put(sheet->cells[i]), i % 16 == 15 ? "\n" : "");
    fputs("};\n", out);
}

static char *read_all(const char *path, size_t *n)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL || fseek(in, 0, SEEK_END) != 0)
        die(path, "cannot be read");
    long size = ftell(in);
    rewind(in);
    char *text = malloc((size_t)size + 1);
    if (text == NULL || fread(text, 1, (size_t)size, in) != (size_t)size)
        die(path, "cannot be read");
    fclose(in);
    *n = (size_t)size;
    return text;
}

int main(int argc, char **argv)
{
    FILE *out = argc > 2 ? fopen(argv[1], "wb") : NULL;
    if (out == NULL)
        die(argc > 1 ? argv[1] : "usage", "cannot be written");
    fputs("/* Made by cmake/tables_gen.c from data/. */\n#include \"tables/tables_priv.h\"\n", out);
    pool_put("");
    char rows[64][160];
    size_t n_tables = 0;
    for (int i = 2; i < argc && n_tables < 64; i++, n_tables++) {
        char *name = argv[i], *path = strchr(name, '=');
        if (path == NULL)
            die(name, "expected NAME=FILE");
        *path++ = '\0';
        size_t n;
        char *text = read_all(path, &n);
        fr_sheet sheet = { 0 };
        fr_err err = { 0 };
        if (fr_sheet_parse((fr_str){ text, n }, path, &sheet, &err) != 0)
            die("a table of data/", err.what);
        put_table(out, name, &sheet);
        snprintf(rows[n_tables], sizeof rows[0],
                 "    { \"%s\", columns_%s, %zu, %zu, cells_%s },\n", name, name, sheet.n_columns,
                 sheet.n_rows, name);
        fr_sheet_fini(&sheet);
        free(text);
    }
    fputs("const fr_table_data fr_tables_data[] = {\n", out);
    for (size_t i = 0; i < n_tables; i++)
        fputs(rows[i], out);
    fprintf(out, "};\nconst size_t fr_tables_data_n = %zu;\nconst char fr_tables_pool[] =\n",
            n_tables);
    put_literal(out, pool.text, pool.n);
    fputs(";\n", out);
    free(pool.text);
    return fclose(out) == 0 ? 0 : 1;
}
