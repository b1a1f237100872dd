/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "rag/documents_priv.h"
#include "rag_place.h"
#include "zip_made.h"

/* What was read: "id|title|text|metadata" a line, and notices. */
typedef struct {
    fr_buf documents, notices;
    const char *original; /* for offsets: each chunk's place is looked up here */
} seen;

static int see(void *user, const fr_document *d, size_t offset, bool first, fr_err *err)
{
    seen *s = user;
    (void)offset;
    (void)err;
    if (first)
        fr_buf_put_f(&s->documents, "%.*s|%.*s|", FR_STR_F(d->id), FR_STR_F(d->title));
    fr_buf_put_f(&s->documents, "%.*s|%.*s\n", FR_STR_F(d->text), FR_STR_F(d->metadata));
    return 0;
}

static void notice(void *user, fr_notice kind, const char *where, const char *what)
{
    seen *s = user;
    fr_buf_put_f(&s->notices, "%s %s: %s\n", kind == FR_NOTICE_ENCODING ? "encoding" : "skipped",
                 strrchr(where, '/') + 1, what);
}

static int read_all(const char *path, seen *s, fr_err *err)
{
    fr_documents_options o = { .notice = notice, .notice_user = s };
    return fr_documents_each(path, &o, see, s, err);
}

static void seen_fini(seen *s)
{
    fr_buf_fini(&s->documents);
    fr_buf_fini(&s->notices);
}

static void write_at(const place *p, const char *name, fr_str bytes)
{
    char *path = fr_path_join(p->dir, name), *dir = fr_path_dir(path);
    assert_int_equal(fr_dir_make(dir, NULL), 0);
    assert_int_equal(fr_file_write(path, bytes, NULL), 0);
    free(path);
    free(dir);
}

static void assert_seen(const place *p, const char *name, const char *documents,
                        const char *notices)
{
    seen s = { 0 };
    fr_err err = { 0 };
    char *path = fr_path_join(p->dir, name);
    if (read_all(path, &s, &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(fr_buf_text(&s.documents), documents);
    assert_string_equal(fr_buf_text(&s.notices), notices);
    free(path);
    seen_fini(&s);
}

static void texts_of_mixed_encodings_become_utf8(void **state)
{
    const place *p = *state;
    write_at(p, "t/a.txt", FR_STR("Z\xc3\xbcrich"));
    write_at(p, "t/b.txt", FR_STR("\xef\xbb\xbfone \xff two"));
    write_at(p, "t/c.txt", FR_STR("Z\xfcrich \x96 caf\xe9"));
    write_at(p, "t/d.txt", FR_STR("\xff\xfeZ\0\xfc\0\x3d\xd8\x00\xde"));
    write_at(p, "t/e.txt", FR_STR("\xfe\xff\0Z\0\xfc"));
    write_at(p, "t/f.txt", FR_STR("nul\0inside"));
    write_at(p, "t/g.txt", FR_STR(""));
    assert_seen(p, "t",
                "a.txt||Zürich|\nb.txt||one \xef\xbf\xbd two|\nc.txt||Zürich – café|\n"
                "d.txt||Zü😀|\ne.txt||Zü|\nf.txt||nul\xef\xbf\xbdinside|\ng.txt|||\n",
                "encoding c.txt: is not UTF-8: read as Windows-1252\n");
}

static void a_page_becomes_markdown_without_what_a_reader_does_not_see(void **state)
{
    const place *p = *state;
    write_at(p, "a.html",
             FR_STR("<!DOCTYPE html><html><head><title>The &amp; Valley</title>\n"
                    "<style>p { color: red }</style><script>if (a < b) \"</p>\";</script></head>\n"
                    "<body><!-- <p>no</p> --><h1>Bridges</h1><p>Otter&nbsp;Bridge <b>was</b>\n"
                    " built in\t1706.</p><h2 class='a>b'>Of <i>oak</i></h2><ul><li>Cattle</li>"
                    "<li>Two &lt; three</li></ul># no heading<br>caf&eacute; &#x1F600; &bogus; & x"
                    "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>"
                    "<script>never closed"));
    assert_seen(p, "a.html",
                "a.html|The & Valley|# Bridges\n\nOtter Bridge was built in 1706.\n\n## Of oak\n\n"
                "- Cattle\n- Two < three\n\n # no heading\ncafé 😀 &bogus; & x\n\na b\nc|\n",
                "");
    write_at(p, "b.html", FR_STR("<p>a < b <3 <"));
    assert_seen(p, "b.html", "b.html||a < b <3 <|\n", "");
}

static void rows_become_documents_with_what_else_they_hold_as_metadata(void **state)
{
    const place *p = *state;
    write_at(p, "a.jsonl",
             FR_STR("{\"_id\": \"q\", \"title\": \"T\", \"text\": \"one\", \"year\": 1999}\n\n"
                    "{\"text\": \"two\", \"metadata\": {\"kind\": \"x\"}}\n"
                    "{\"id\": 7, \"content\": \"three\"}\n"));
    assert_seen(p, "a.jsonl", "q|T|one|{\"year\":1999}\n3||two|{\"kind\":\"x\"}\n7||three|\n", "");
    write_at(p, "b.csv", FR_STR("id,text,kind\nr1,\"one, two\",x\nr2,three,\n"));
    assert_seen(p, "b.csv", "r1||one, two|{\"kind\":\"x\"}\nr2||three|\n", "");
    write_at(p, "c.tsv", FR_STR("name\tcity\r\nAda\tLondon\r\n"));
    assert_seen(p, "c.tsv", "2||name: Ada\ncity: London\n|{\"name\":\"Ada\",\"city\":\"London\"}\n",
                "");
    seen s = { 0 };
    fr_err err = { 0 };
    write_at(p, "d.jsonl", FR_STR("{\"text\": \"z\"}\n{\"body\": 1}\n"));
    char *path = fr_path_join(p->dir, "d.jsonl");
    assert_int_equal(read_all(path, &s, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "d.jsonl:2"));
    free(path);
    seen_fini(&s);
}

static void a_folder_of_the_beir_layout_is_its_corpus(void **state)
{
    const place *p = *state;
    write_at(p, "beir/corpus.jsonl",
             FR_STR("{\"_id\": \"d1\", \"title\": \"T\", \"text\": \"x\"}\n"));
    write_at(p, "beir/queries.jsonl", FR_STR("{\"_id\": \"q1\", \"text\": \"x?\"}\n"));
    write_at(p, "beir/qrels/test.tsv", FR_STR("query-id\tcorpus-id\tscore\nq1\td1\t1\n"));
    assert_seen(p, "beir", "d1|T|x|\n", "");
}

static const char DOCUMENT_XML[] =
    "<?xml version=\"1.0\"?><w:document xmlns:w=\"x\"><w:body>"
    "<w:p><w:pPr><w:pStyle "
    "w:val=\"Heading1\"/></w:pPr><w:r><w:t>Brid</w:t></w:r><w:r><w:t>ges</w:t>"
    "</w:r></w:p><w:p><w:r><w:t xml:space=\"preserve\">Otter &amp; </w:t></w:r><w:r><w:t>co.</w:t>"
    "<w:tab/><w:instrText>HIDDEN</w:instrText></w:r></w:p>"
    "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>oak</w:t></w:r></w:p><w:p/></w:body></w:document>";
static const char DOCUMENT_TEXT[] = "# Bridges\n\nOtter & co.\n- oak";

static void a_docx_is_read_whether_packed_or_not(void **state)
{
    const place *p = *state;
    for (int packed = 0; packed < 2; packed++) {
        FR_AUTO(fr_buf) zip = { 0 };
        zip_file files[] = {
            { .name = "[Content_Types].xml", .bytes = FR_STR("<x/>") },
            { .name = "word/document.xml", .bytes = fr_str_of(DOCUMENT_XML), .packed = packed }
        };
        zip_made(files, 2, &zip);
        write_at(p, "a.docx", fr_buf_str(&zip));
        char *expected = fr_dup_f("a.docx|Bridges|%s|\n", DOCUMENT_TEXT);
        assert_seen(p, "a.docx", expected, "");
        free(expected);
    }
}

static int docx_rc(const zip_file *files, size_t n, fr_err *err)
{
    FR_AUTO(fr_buf) zip = { 0 };
    FR_AUTO(fr_buf) out = { 0 };
    FR_AUTO(fr_buf) title = { 0 };
    zip_made(files, n, &zip);
    return docx_text(fr_buf_str(&zip), "evil.docx", &out, &title, err);
}

static void hostile_archives_are_refused_by_name(void **state)
{
    (void)state;
    fr_str xml = fr_str_of(DOCUMENT_XML);
    const struct {
        zip_file files[2];
        size_t n;
        int code;
        const char *says;
    } CASES[] = {
        /* a bomb: four gigabytes out of a few bytes */
        { { { "word/document.xml", xml, 1, 0xFFFFFFF0u, 0, 0 } }, 1, FR_E_LIMIT, "more than" },
        { { { "word/document.xml", xml, 1, 90u << 20, 0, 0 } }, 1, FR_E_LIMIT, "more than" },
        /* it lies about its size */
        { { { "word/document.xml", xml, 1, 100, 0, 0 } }, 1, FR_E_FORMAT, "as large" },
        { { { "word/document.xml", xml, 1, 5000, 0, 0 } }, 1, FR_E_FORMAT, "as large" },
        { { { "word/document.xml", xml, 0, 100, 0, 0 } }, 1, FR_E_FORMAT, "not known" },
        { { { "word/document.xml", xml, 0, 0, 1, 0 } }, 1, FR_E_UNSUPPORTED, "encrypted" },
        { { { "word/document.xml", xml, 0, 0, 0, 99 } }, 1, FR_E_FORMAT, "not known" },
        /* names with a way out of the archive are never followed */
        { { { "../../etc/passwd", xml, 0, 0, 0, 0 } }, 1, FR_E_FORMAT, "no DOCX" },
        { { { "word/document.xml", xml, 0, 0, 0, 0 }, { "word/document.xml", xml, 0, 0, 0, 0 } },
          2,
          FR_E_FORMAT,
          "twice" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_err err = { 0 };
        assert_int_equal(docx_rc(CASES[i].files, CASES[i].n, &err), CASES[i].code);
        assert_non_null(strstr(err.what, "evil.docx"));
        assert_non_null(strstr(err.what, CASES[i].says));
    }
    /* cut anywhere, it is an error and nothing worse */
    FR_AUTO(fr_buf) zip = { 0 };
    zip_file one = { "word/document.xml", xml, 1, 0, 0, 0 };
    zip_made(&one, 1, &zip);
    for (size_t n = 0; n < zip.n; n++) {
        FR_AUTO(fr_buf) out = { 0 };
        FR_AUTO(fr_buf) title = { 0 };
        assert_int_not_equal(docx_text((fr_str){ zip.at, n }, "cut", &out, &title, NULL), 0);
    }
}

static const char PDF[] =
    "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count "
    "1>>"
    "endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 100]/Contents 4 0 R/Resources<</Font"
    "<</F 5 0 R>>>>>>endobj\n4 0 obj<</Length 44>>stream\nBT /F 12 Tf 10 50 Td (Otter Bridge, "
    "1706) "
    "Tj ET\nendstream endobj\n5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
    "trailer<</Root 1 0 R>>\n%%EOF\n";

static void
pdfs_are_read_by_pdftotext_and_broken_ones_are_named_while_the_rest_goes_on(void **state)
{
    const place *p = *state;
    if (system("command -v pdftotext >/dev/null 2>&1") != 0) {
        print_message("skipped: pdftotext (poppler-utils) is not installed\n");
        skip();
    }
    write_at(p, "pdf/a.pdf", FR_STR("this is no PDF at all"));
    write_at(p, "pdf/b.pdf", fr_str_of(PDF));
    write_at(p, "pdf/c.docx", FR_STR("\xd0\xcf\x11\xe0 encrypted"));
    write_at(p, "pdf/d.txt", FR_STR("the rest"));
    seen s = { 0 };
    fr_err err = { 0 };
    char *path = fr_path_join(p->dir, "pdf"), *alone = fr_path_join(path, "a.pdf");
    assert_int_equal(read_all(path, &s, &err), 0);
    assert_non_null(strstr(fr_buf_text(&s.documents), "b.pdf||Otter Bridge, 1706"));
    assert_non_null(strstr(fr_buf_text(&s.documents), "d.txt||the rest|"));
    assert_non_null(strstr(fr_buf_text(&s.notices), "skipped a.pdf: "));
    assert_non_null(strstr(fr_buf_text(&s.notices), "is broken, or no PDF"));
    assert_non_null(strstr(fr_buf_text(&s.notices), "skipped c.docx: "));
    assert_int_equal(read_all(alone, &s, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "a.pdf"));
    free(path);
    free(alone);
    seen_fini(&s);
}

/* --- offsets -----------------------------------------------------------------------------------
 */

static int into_index(void *user, const fr_document *d, size_t offset, bool first, fr_err *err)
{
    return fr_index_put_piece(user, d, offset, first, FR_PUT_NONE, NULL, err);
}

/* The bytes that a hit names are where its words stand in the file itself. */
static void hits_lead_back_to_bytes_of_the_file(void **state)
{
    const place *p = *state;
    static const struct {
        const char *name;
        fr_str bytes, needle;
    } FILES[] = {
        { "o/a.txt", FR_STR("\xef\xbb\xbf\xc3\x84 first.\n\nThe needle is here."),
          FR_STR("The needle is here.") },
        { "o/b.txt", FR_STR("caf\xe9 \xfc\n\nThe needle is h\xe9re."),
          FR_STR("The needle is h\xe9re.") },
        { "o/c.html",
          FR_STR("<h1>A &amp; B</h1>\n<p>x &eacute;</p><p>The\n needle is\there.</p><p>z"),
          FR_STR("The\n needle is\there.") },
        { "o/d.txt", FR_STR("\xff\xfex\0\n\0\n\0T\0h\0e\0 \0n\0e\0e\0d\0l\0e\0"),
          FR_STR("x\0\n\0\n\0T\0h\0e\0 \0n\0e\0e\0d\0l\0e\0") },
    };
    fr_index_writer *w = NULL;
    fr_err err = { 0 };
    assert_int_equal(
        fr_index_create(
            p->index,
            &(fr_index_options){ .analyzer = "plain", .chunk_chars = 20, .overlap_chars = 1 }, &w,
            &err),
        0);
    for (size_t i = 0; i < FR_COUNT_OF(FILES); i++)
        write_at(p, FILES[i].name, FILES[i].bytes);
    char *folder = fr_path_join(p->dir, "o");
    seen s = { 0 };
    fr_documents_options o = { .notice = notice, .notice_user = &s };
    assert_int_equal(fr_documents_each(folder, &o, into_index, w, &err), 0);
    assert_int_equal(fr_index_finish(w, &err), 0);
    fr_index_writer_free(w);
    FR_AUTOPTR(fr_index) index = NULL;
    assert_int_equal(fr_index_open(p->index, &index, &err), 0);
    FR_AUTO(fr_hits) hits = { 0 };
    fr_index_search(index, FR_STR("needle"), 9, &hits, NULL);
    assert_int_equal(hits.n, FR_COUNT_OF(FILES));
    for (size_t h = 0; h < hits.n; h++) {
        for (size_t i = 0; i < FR_COUNT_OF(FILES); i++) {
            if (strcmp(FILES[i].name + 2, hits.at[h].source) != 0)
                continue;
            size_t at = 0;
            assert_true(fr_str_find(FILES[i].bytes, FILES[i].needle, &at));
            assert_int_equal(hits.at[h].start, at);
            /* the last character's first byte: of one of two bytes, the second may follow */
            assert_in_range(hits.at[h].end, at + FILES[i].needle.n - 1, at + FILES[i].needle.n);
        }
    }
    free(folder);
    seen_fini(&s);
}

/* 48 MiB of text pass through a process that may have 40 MiB more than it has now. */
static void a_long_text_streams_in_bounded_memory(void **state)
{
    const place *p = *state;
    char *path = fr_path_join(p->dir, "long.txt");
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 700000; i++)
        fprintf(file, "Line %d of a text that goes on and on, word by word, for ever.\n%s",
                i % 5000, i % 10 == 9 ? "\n" : "");
    fclose(file);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    fr_index_writer *w = NULL;
    fr_err err = { 0 };
    assert_int_equal(
        fr_index_create(p->index, &(fr_index_options){ .analyzer = "plain" }, &w, &err), 0);
    assert_int_equal(fr_documents_each(path, NULL, into_index, w, &err), 0);
    assert_int_equal(fr_index_writer_n_documents(w), 1);
    assert_int_equal(fr_index_finish(w, &err), 0);
    fr_index_writer_free(w);
    getrusage(RUSAGE_SELF, &after);
    if (getenv("ASAN_OPTIONS") == NULL && getenv("TSAN_OPTIONS") == NULL)
        assert_true(after.ru_maxrss - before.ru_maxrss < 40 * 1024);
    FR_AUTOPTR(fr_index) index = NULL;
    assert_int_equal(fr_index_open(p->index, &index, &err), 0);
    assert_true(fr_index_n_chunks(index) > 30000);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(texts_of_mixed_encodings_become_utf8),
        WITH_PLACE(a_page_becomes_markdown_without_what_a_reader_does_not_see),
        WITH_PLACE(rows_become_documents_with_what_else_they_hold_as_metadata),
        WITH_PLACE(a_folder_of_the_beir_layout_is_its_corpus),
        WITH_PLACE(a_docx_is_read_whether_packed_or_not),
        WITH_PLACE(hostile_archives_are_refused_by_name),
        WITH_PLACE(pdfs_are_read_by_pdftotext_and_broken_ones_are_named_while_the_rest_goes_on),
        WITH_PLACE(hits_lead_back_to_bytes_of_the_file),
        WITH_PLACE(a_long_text_streams_in_bounded_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
