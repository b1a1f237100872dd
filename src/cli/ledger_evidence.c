/* frugal ledger export --bundle, frugal ledger verify BUNDLE: the evidence in one file. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cli/ledger_words.h"
#include "ledger/bundle.h"
#include "tables/tables.h"

#define BUNDLE_MOST_BYTES ((size_t)1 << 30)

static const char *const TABLES[] = { "regions",      "grid",      "cpus",      "cpu_families",
                                      "accelerators", "instances", "constants", "water" };

/* What made the figures, and in which version; docs/methodology.md has the formulas. */
static const fr_bundle_fact METHODS[] = {
    { "methods", "carbon", "operational = energy x PUE x intensity; ISO/IEC 21031:2024" },
    { "methods", "embodied", "total x reserved / lifetime x share; ISO/IEC 21031:2024" },
    { "methods", "market", "GHG Protocol Scope 2 Guidance (2015)" },
    { "methods", "water", "site WUE x energy + grid water x energy x PUE; 1" },
    { "methods", "hours", "buckets spread evenly over their time; 1" },
    { "methods", "idle", "reserved share of the draw at rest; docs/decisions/0005" },
};

/* A table as it is in force, the user's rows included: cells parted by NUL, rows by a line end. */
static int hash_table(const char *name, char out[FR_SHA256_HEX], fr_err *err)
{
    const fr_table *t = fr_table_find(name);
    FR_AUTO(fr_buf) bytes = { 0 };
    for (size_t r = 0; r < fr_table_n_rows(t); r++) {
        for (size_t c = 0; c < fr_table_n_columns(t); c++) {
            fr_buf_put_s(&bytes, fr_table_text(t, r, c));
            fr_buf_put_c(&bytes, '\0');
        }
        fr_buf_put_c(&bytes, '\n');
    }
    return fr_sha256(fr_buf_text(&bytes), bytes.n, out, err);
}

int fr_ledger_word_bundle(fr_cli *cli, fr_ledger *l, const char *path, fr_err *err)
{
    fr_bundle_fact facts[FR_COUNT_OF(TABLES) + FR_COUNT_OF(METHODS)];
    char hashes[FR_COUNT_OF(TABLES)][FR_SHA256_HEX];
    const char *run = fr_arg_text(cli, "run", NULL);
    FR_AUTO(fr_run_list) one = { 0 };
    FR_AUTO(fr_buf) tar = { .limit_bytes = BUNDLE_MOST_BYTES };
    fr_bundle_options options = { .key = fr_arg_text(cli, "key", NULL), .facts = facts };
    size_t n_runs = 0;
    for (size_t i = 0; i < FR_COUNT_OF(TABLES); i++) {
        FR_TRY(hash_table(TABLES[i], hashes[i], err));
        facts[options.n_facts++] = (fr_bundle_fact){ "tables", TABLES[i], hashes[i] };
    }
    for (size_t i = 0; i < FR_COUNT_OF(METHODS); i++)
        facts[options.n_facts++] = METHODS[i];
    if (run != NULL) {
        FR_TRY(fr_ledger_find(l, run, &one, err));
        options.run = one.at[0].id;
    }
    FR_TRY(fr_bundle_write(l, &options, &tar, &n_runs, err));
    FR_TRY(fr_file_write(path, fr_buf_str(&tar), err));
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, json_pack("{s:s,s:I,s:I,s:b}", "bundle", path, "runs",
                                              (json_int_t)n_runs, "bytes", (json_int_t)tar.n,
                                              "signed", options.key != NULL));
    printf("%s: %zu runs and phases, %zu KiB%s; `frugal ledger verify %s` checks it\n", path,
           n_runs, (tar.n + 1023) / 1024, options.key != NULL ? ", signed" : ", not signed", path);
    return 0;
}

static void put_report(const char *path, const fr_bundle_report *r, bool has_key, const char *lines)
{
    fputs(lines, stdout);
    printf("%s: made %s by frugal %s, ", path, r->made, r->frugal);
    if (r->is_signed)
        printf("signed by %.16s…%s\n", r->signer,
               has_key ? "" : " (say --key to hold that it is whom you expect)");
    else
        printf("not signed: nobody vouches for who made it\n");
    if (r->n_wrong == 0)
        printf("%zu runs and phases: every figure follows from its buckets and factors\n",
               r->n_checked);
    else
        printf("%zu runs and phases: %zu differences\n", r->n_checked, r->n_wrong);
}

int fr_ledger_word_verify_bundle(fr_cli *cli, const char *path, fr_err *err)
{
    FR_AUTO(fr_buf) tar = { .limit_bytes = BUNDLE_MOST_BYTES };
    fr_bundle_report r;
    char *lines = NULL;
    size_t size = 0;
    FR_TRY(fr_file_read(path, BUNDLE_MOST_BYTES, &tar, err));
    FILE *out = open_memstream(&lines, &size);
    int rc = fr_bundle_verify(fr_buf_str(&tar), fr_arg_text(cli, "key", NULL), out, &r, err);
    fclose(out);
    if (rc == 0 && fr_cli_json(cli)) {
        json_t *differences = json_array();
        fr_str rest = fr_str_of(lines), line;
        while (fr_str_next(&rest, '\n', &line))
            if (line.n > 0)
                json_array_append_new(differences, json_stringn(line.at, line.n));
        rc = fr_cli_put_json(cli, json_pack("{s:s,s:s,s:b,s:o,s:I,s:I,s:o}", "made", r.made,
                                            "frugal", r.frugal, "signed", r.is_signed, "signer",
                                            r.is_signed ? json_string(r.signer) : json_null(),
                                            "checked", (json_int_t)r.n_checked, "wrong",
                                            (json_int_t)r.n_wrong, "differences", differences));
    } else if (rc == 0) {
        put_report(path, &r, fr_arg_given(cli, "key"), lines);
    }
    free(lines);
    if (rc == 0 && r.n_wrong > 0)
        rc = fr_fail(err, FR_E_FAILED, "The lines above name what differs.",
                     "'%s': %zu things are not as they were told", path, r.n_wrong);
    return rc;
}
