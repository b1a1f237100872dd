/* The bundle: what goes in comes out and verifies, whoever changes a digit is found, and what is no
 * bundle is refused. */
#include "ledger/ledger_place.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/sign.h"
#include "ledger/archive.h"
#include "ledger/bundle.h"

#define S   ((int64_t)1000000000)
#define DAY ((int64_t)1761350400 * S)

static void record(fr_ledger *l, const char *command, const char *parent, bool phase)
{
    fr_run_record run = { .kind = phase ? "phase" : "meter",
                          .name = "job",
                          .command = command,
                          .zone = "FR",
                          .intensity_g_per_kwh = 31.4159265358979,
                          .pue = 1.1,
                          .embodied_g = 0.1 / 3,
                          .phase = phase,
                          .start_unix_ns = DAY };
    snprintf(run.parent, sizeof run.parent, "%s", parent != NULL ? parent : "");
    fr_bucket b = { "cpu",   "cpu",   "active",           DAY,          DAY + S, 1234567,
                    1200000, 1300000, FR_METHOD_MODELLED, "model \"x\"" };
    assert_int_equal(fr_ledger_begin(l, &run, NULL), 0);
    assert_int_equal(fr_ledger_add(l, run.id, &b, 1, NULL), 0);
    if (parent == NULL && command != NULL)
        record(l, NULL, run.id, true);
    fr_ledger_note(l, run.id, "work", "answers", 40, "forty\nand no more", NULL);
    run.status = "done";
    run.end_unix_ns = DAY + S;
    run.duration_s = 1.0 / 3;
    run.cpu_s = 0.1;
    assert_int_equal(fr_ledger_end(l, &run, NULL), 0);
}

static fr_ledger *filled(const ledger_place *p)
{
    fr_ledger *l = ledger_at(p);
    fr_unit orders = { "orders", 12.5, DAY, DAY + 86400 * S, NULL, "m.csv" };
    record(l, "./job --a 1", NULL, false);
    record(l, "./job \xff\xfe no utf-8", NULL, false);
    assert_int_equal(fr_ledger_units_add(l, &orders, 1, NULL), 0);
    assert_int_equal(fr_ledger_change(l, DAY, "batch of 8", NULL), 0);
    fr_run_record open = { .kind = "serve", .start_unix_ns = DAY }; /* not closed: left out */
    assert_int_equal(fr_ledger_begin(l, &open, NULL), 0);
    return l;
}

/* The private keys of RFC 8032, 7.1, TEST 1 and 2, as PKCS #8 in PEM. */
static void make_key(const ledger_place *p, int test, char path[160])
{
    static const char *const KEYS[] = {
        "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g",
        "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7"
    };
    FR_AUTO(fr_buf) pem = { 0 };
    snprintf(path, 160, "%s/key-%d.pem", p->dir, test);
    fr_buf_put_f(&pem, "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n",
                 KEYS[test - 1]);
    assert_int_equal(fr_file_write(path, fr_buf_str(&pem), NULL), 0);
}

static void bundled(fr_ledger *l, const char *key, fr_buf *out)
{
    static const fr_bundle_fact FACTS[] = { { "tables", "grid", "abc" }, { "methods", "x", "1" } };
    fr_bundle_options o = { .key = key, .facts = FACTS, .n_facts = 2 };
    size_t n = 0;
    fr_err err = { 0 };
    if (fr_bundle_write(l, &o, out, &n, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(n, 4);
}

static int verified(fr_str bytes, const char *key, fr_bundle_report *r)
{
    return fr_bundle_verify(bytes, key, NULL, r, NULL);
}

static void what_is_bundled_verifies_and_says_who_signed(void **state)
{
    const ledger_place *p = *state;
    fr_ledger *l = filled(p);
    char key[160], other[160], public[FR_PUBLIC_KEY_HEX];
    fr_bundle_report r;
    make_key(p, 1, key);
    make_key(p, 2, other);
    FR_AUTO(fr_buf) plain = { 0 };
    FR_AUTO(fr_buf) sealed = { 0 };
    bundled(l, NULL, &plain);
    assert_int_equal(verified(fr_buf_str(&plain), NULL, &r), 0);
    assert_int_equal(r.n_checked, 4);
    assert_int_equal(r.n_wrong, 0);
    assert_false(r.is_signed);
    assert_int_equal(verified(fr_buf_str(&plain), key, &r), 0);
    assert_int_equal(r.n_wrong, 1); /* a signature was asked for and there is none */
    bundled(l, key, &sealed);
    assert_int_equal(verified(fr_buf_str(&sealed), key, &r), 0);
    assert_int_equal(r.n_wrong, 0);
    assert_true(r.is_signed);
    assert_int_equal(fr_sign_public(key, public, NULL), 0);
    assert_string_equal(r.signer, public);
    assert_string_equal(public, /* of TEST 1 */
                        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_int_equal(verified(fr_buf_str(&sealed), public, &r), 0);
    assert_int_equal(r.n_wrong, 0);
    assert_int_equal(verified(fr_buf_str(&sealed), other, &r), 0);
    assert_int_equal(r.n_wrong, 1); /* signed by somebody else */
    fr_ledger_close(l);
}

/* Every digit of every member, one after the other (each 17th, to stay quick). */
static void a_digit_that_was_changed_is_found(void **state)
{
    const ledger_place *p = *state;
    fr_ledger *l = filled(p);
    char key[160];
    make_key(p, 1, key);
    FR_AUTO(fr_buf) tar = { 0 };
    bundled(l, key, &tar);
    fr_archive members;
    assert_int_equal(fr_archive_read(fr_buf_str(&tar), &members, NULL), 0);
    size_t n = 0, seen = 0;
    for (size_t m = 0; m < members.n; m++) {
        for (size_t i = 0; i < members.at[m].bytes.n; i++) {
            char *at = (char *)members.at[m].bytes.at + i;
            bool in_signature = strcmp(members.at[m].name, "manifest.sig") == 0;
            if ((!isdigit((unsigned char)*at) && !in_signature) || seen++ % 17 != 0)
                continue;
            char before = *at;
            fr_bundle_report r;
            *at = in_signature ? (char)(before ^ 1) : before == '9' ? '8' : (char)(before + 1);
            int rc = verified(fr_buf_str(&tar), NULL, &r);
            if (rc == 0 && r.n_wrong == 0)
                fail_msg("byte %zu of %s was changed and nobody noticed", i, members.at[m].name);
            *at = before;
            n++;
        }
    }
    assert_true(n > 50);
    fr_bundle_report r;
    assert_int_equal(verified(fr_buf_str(&tar), key, &r), 0);
    assert_int_equal(r.n_wrong, 0);
    fr_ledger_close(l);
}

/* Who changes a figure and makes manifest and figures.csv anew, unsigned, is found by the sums. */
static void a_forger_without_the_key_is_found_by_the_sums(void **state)
{
    fr_ledger *l = filled(*state);
    FR_AUTO(fr_buf) tar = { 0 };
    FR_AUTO(fr_buf) forged = { 0 };
    bundled(l, NULL, &tar);
    fr_archive members;
    assert_int_equal(fr_archive_read(fr_buf_str(&tar), &members, NULL), 0);
    json_t *manifest = json_loadb(fr_archive_find(&members, "manifest.json")->bytes.at,
                                  fr_archive_find(&members, "manifest.json")->bytes.n, 0, NULL);
    json_t *files = json_object_get(manifest, "files");
    char *bucket = strstr((char *)fr_archive_find(&members, "bucket.jsonl")->bytes.at, "1234567");
    assert_non_null(bucket);
    bucket[0] = '0' + 3;
    for (size_t m = 0; m < members.n; m++) {
        char hash[FR_SHA256_HEX];
        if (strcmp(members.at[m].name, "manifest.json") == 0)
            continue;
        fr_archive_put(&forged, members.at[m].name, members.at[m].bytes, 0);
        assert_int_equal(fr_sha256(members.at[m].bytes.at, members.at[m].bytes.n, hash, NULL), 0);
        json_object_set_new(json_object_get(files, members.at[m].name), "sha256",
                            json_string(hash));
    }
    char *text = json_dumps(manifest, 0), *lines = NULL;
    size_t size = 0;
    fr_archive_put(&forged, "manifest.json", fr_str_of(text), 0);
    fr_archive_end(&forged);
    FILE *out = open_memstream(&lines, &size);
    fr_bundle_report r;
    assert_int_equal(fr_bundle_verify(fr_buf_str(&forged), NULL, out, &r, NULL), 0);
    fclose(out);
    assert_true(r.n_wrong > 0);
    assert_non_null(strstr(lines, "its buckets and phases hold"));
    free(lines);
    free(text);
    json_decref(manifest);
    fr_ledger_close(l);
}

/* A bundle of a frugal whose export had other columns: those that both have are held. */
static void a_bundle_of_another_version_is_held_by_the_columns_that_both_have(void **state)
{
    fr_ledger *l = filled(*state);
    FR_AUTO(fr_buf) tar = { 0 };
    bundled(l, NULL, &tar);
    for (int change_figure = 0; change_figure <= 1; change_figure++) {
        fr_archive members;
        FR_AUTO(fr_buf) other = { 0 };
        FR_AUTO(fr_buf) csv = { 0 };
        char hash[FR_SHA256_HEX];
        assert_int_equal(fr_archive_read(fr_buf_str(&tar), &members, NULL), 0);
        json_t *manifest = json_loadb(fr_archive_find(&members, "manifest.json")->bytes.at,
                                      fr_archive_find(&members, "manifest.json")->bytes.n, 0, NULL);
        fr_str rest = fr_archive_find(&members, "figures.csv")->bytes, line;
        for (int row = 0; fr_str_next(&rest, '\n', &line); row++) /* a column in front */
            if (line.n > 0)
                fr_buf_put_f(&csv, "%s,%.*s\n", row == 0 ? "of_old" : "7", FR_STR_F(line));
        if (change_figure)
            memcpy(strstr(csv.at, "31.4159265"), "41", 2);
        assert_int_equal(fr_sha256(csv.at, csv.n, hash, NULL), 0);
        json_object_set_new(json_object_get(json_object_get(manifest, "files"), "figures.csv"),
                            "sha256", json_string(hash));
        char *text = json_dumps(manifest, 0);
        for (size_t m = 0; m < members.n; m++)
            if (strcmp(members.at[m].name, "manifest.json") != 0 &&
                strcmp(members.at[m].name, "figures.csv") != 0)
                fr_archive_put(&other, members.at[m].name, members.at[m].bytes, 0);
        fr_archive_put(&other, "figures.csv", fr_buf_str(&csv), 0);
        fr_archive_put(&other, "manifest.json", fr_str_of(text), 0);
        fr_archive_end(&other);
        fr_bundle_report r;
        assert_int_equal(verified(fr_buf_str(&other), NULL, &r), 0);
        assert_int_equal(r.n_wrong, change_figure);
        free(text);
        json_decref(manifest);
    }
    fr_ledger_close(l);
}

static void what_is_no_bundle_is_refused(void **state)
{
    fr_ledger *l = filled(*state);
    FR_AUTO(fr_buf) tar = { 0 };
    fr_bundle_report r;
    bundled(l, NULL, &tar);
    assert_int_equal(verified(FR_STR(""), NULL, &r), FR_E_FORMAT);
    assert_int_equal(verified(FR_STR("PK\3\4 a zip"), NULL, &r), FR_E_FORMAT);
    for (size_t n = 0; n < tar.n - 1024; n += 499) /* cut short anywhere */
        assert_int_equal(verified((fr_str){ tar.at, n }, NULL, &r), FR_E_FORMAT);
    static const struct {
        const char *name, *text;
    } STRANGE[] = { { "../evil", "x" }, { "/etc/passwd", "x" }, { "manifest.json", "{}" } };
    for (size_t i = 0; i < 3; i++) {
        FR_AUTO(fr_buf) other = { 0 };
        fr_archive_put(&other, STRANGE[i].name, fr_str_of(STRANGE[i].text), 0);
        fr_archive_put(&other, "manifest.json", FR_STR("{}"), 0);
        fr_archive_end(&other);
        assert_int_equal(verified(fr_buf_str(&other), NULL, &r), FR_E_FORMAT);
    }
    tar.at[156] = '2'; /* a link */
    assert_int_equal(verified(fr_buf_str(&tar), NULL, &r), FR_E_FORMAT);
    fr_ledger_close(l);
}

static void a_key_that_is_none_is_named(void **state)
{
    const ledger_place *p = *state;
    fr_ledger *l = filled(p);
    char path[160];
    snprintf(path, sizeof path, "%s/no.pem", p->dir);
    FR_AUTO(fr_buf) tar = { 0 };
    size_t n = 0;
    fr_err err = { 0 };
    assert_int_equal(fr_bundle_write(l, &(fr_bundle_options){ .key = path }, &tar, &n, &err),
                     FR_E_NOT_FOUND);
    assert_int_equal(fr_file_write(path, FR_STR("not a key\n"), NULL), 0);
    assert_int_equal(fr_bundle_write(l, &(fr_bundle_options){ .key = path }, &tar, &n, &err),
                     FR_E_FORMAT);
    assert_non_null(strstr(err.hint, "openssl genpkey"));
    fr_ledger_close(l);
}

/* RFC 8032, 7.1, TEST 2: a signature of one byte that others made. */
static void a_signature_of_the_specification_holds(void **state)
{
    (void)state;
    static const char KEY[] = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    static const char SIG[] = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                              "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    unsigned char raw[FR_SIGNATURE_BYTES];
    for (size_t i = 0; i < sizeof raw; i++) {
        unsigned byte;
        assert_int_equal(sscanf(SIG + 2 * i, "%2x", &byte), 1);
        raw[i] = (unsigned char)byte;
    }
    assert_int_equal(fr_sign_check(KEY, "\x72", 1, raw, NULL), 0);
    assert_int_equal(fr_sign_check(KEY, "\x73", 1, raw, NULL), FR_E_FAILED);
    assert_int_equal(fr_sign_check("xyz", "\x72", 1, raw, NULL), FR_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(what_is_bundled_verifies_and_says_who_signed),
        WITH_PLACE(a_digit_that_was_changed_is_found),
        WITH_PLACE(a_forger_without_the_key_is_found_by_the_sums),
        WITH_PLACE(a_bundle_of_another_version_is_held_by_the_columns_that_both_have),
        WITH_PLACE(what_is_no_bundle_is_refused),
        WITH_PLACE(a_key_that_is_none_is_named),
        cmocka_unit_test(a_signature_of_the_specification_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
