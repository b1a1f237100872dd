/* PDF by pdftotext (poppler-utils): a program of its own, so that a hostile file harms no index. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "rag/documents_priv.h"

#define PDF_MOST_S     120
#define PDF_MOST_BYTES ((size_t)256 << 20) /* of text */

/* The first line that it said, without the program's way of saying it. */
static void said(const fr_proc_result *done, char out[160])
{
    fr_str rest = fr_buf_str(&done->err_tail), line;
    out[0] = '\0';
    while (out[0] == '\0' && fr_str_next(&rest, '\n', &line)) {
        line = fr_str_trim(line);
        snprintf(out, 160, "%.*s", (int)FR_MIN(line.n, (size_t)150), line.at);
    }
}

int read_pdf(document_flow *f, const char *path, const char *id, fr_err *err)
{
    FR_AUTO(fr_proc_result) done = { 0 };
    /* a name that begins with a dash is a file all the same */
    char *file = path[0] == '-' ? fr_dup_f("./%s", path) : fr_dup(path);
    const char *argv[] = { "pdftotext", "-enc", "UTF-8", "-nopgbrk", file, "-", NULL };
    fr_err why = { 0 };
    int rc = fr_proc_run(&(fr_proc_options){ .argv = argv,
                                             .timeout_s = PDF_MOST_S,
                                             .output_limit_bytes = PDF_MOST_BYTES,
                                             .progress = f->options.progress },
                         &done, &why);
    free(file);
    if (rc == FR_E_NOT_FOUND)
        return fr_fail(err, FR_E_UNSUPPORTED, "Install it: apt install poppler-utils.",
                       "'%s': pdftotext, which reads PDF for frugal, is not on this machine", path);
    if (rc != 0)
        return fr_fail(err, rc, why.hint, "'%s': %s", path, why.what);
    if (done.exit_code != 0) {
        char words[160];
        said(&done, words);
        bool locked = strstr(words, "password") != NULL || done.exit_code == 3;
        return fr_fail(err, FR_E_FORMAT,
                       locked ? "Save a copy without a password." : "Open it in a reader to see.",
                       "'%s' is %s (pdftotext: %s)", path,
                       locked ? "encrypted" : "broken, or no PDF",
                       words[0] != '\0' ? words : "no reason given");
    }
    FR_AUTO(traced) text = { 0 };
    traced_decode(&text, fr_buf_str(&done.out), ENCODING_UTF8, 0);
    if (fr_str_trim(fr_buf_str(&text.text)).n == 0)
        flow_tell(f, FR_NOTICE_SKIPPED, path, "has no text (scanned pages?)");
    fr_document d = { .id = fr_str_of(id), .text = fr_buf_str(&text.text), .origin = path };
    return flow_put(f, &d, 0, true, err);
}
