/* documents_priv.h: shared between the readers of formats only. */
#ifndef FR_RAG_DOCUMENTS_PRIV_H
#define FR_RAG_DOCUMENTS_PRIV_H

#include "rag/documents.h"

/** Where documents go while files are read. */
typedef struct {
    fr_documents_options options;
    fr_document_fn fn;
    void *user;
    bool failed; /* fn, not the file, is why an error is returned */
} document_flow;

int flow_put(document_flow *f, const fr_document *d, size_t offset, bool first, fr_err *err);
void flow_tell(const document_flow *f, fr_notice kind, const char *where, const char *what);

/** Readers: path names the file, id what the document is called. */
typedef int (*document_reader)(document_flow *f, const char *path, const char *id, fr_err *err);
int read_text(document_flow *f, const char *path, const char *id, fr_err *err);
int read_markdown(document_flow *f, const char *path, const char *id, fr_err *err);
int read_html(document_flow *f, const char *path, const char *id, fr_err *err);
int read_pdf(document_flow *f, const char *path, const char *id, fr_err *err);
int read_docx(document_flow *f, const char *path, const char *id, fr_err *err);
/** id NULL: rows are called by their own ids, else by their lines; else those stand behind "id:".
 */
int read_jsonl(document_flow *f, const char *path, const char *id, fr_err *err);
int read_csv(document_flow *f, const char *path, const char *id, fr_err *err);

/* --- text ------------------------------------------------------------------------------------ */

typedef enum {
    ENCODING_NONE,
    ENCODING_UTF8,
    ENCODING_UTF16LE,
    ENCODING_UTF16BE,
    ENCODING_1252
} encoding;
/** By the mark at the beginning, whose bytes are *mark, else by the bytes; NONE: only ASCII so far.
 */
encoding encoding_of(fr_str bytes, size_t *mark);

/** Text with the way back to where its bytes came from. Zero-initialized is empty. */
typedef struct {
    fr_buf text;
    fr_offset *offsets;
    size_t n, cap;
} traced;
void traced_fini(traced *t);
FR_AUTO_DEFINE(traced);
void traced_clear(traced *t);
/** Puts bytes that stand at `source` of the original as they are. */
void traced_put(traced *t, fr_str bytes, size_t source);
/** As valid UTF-8 without NULs; source: of the first byte. */
void traced_decode(traced *t, fr_str bytes, encoding e, size_t source);
/** The text of Markdown's first heading; empty. */
fr_str markdown_title(fr_str text);

/* --- formats, bytes in, text out ------------------------------------------------------------- */

/** Text and Markdown of a page. title: of its <title>. source: of the first byte. */
void html_text(fr_str page, size_t source, traced *out, fr_buf *title);
/** A .docx in memory. FR_E_FORMAT, FR_E_LIMIT, FR_E_UNSUPPORTED (encrypted); name is for errors. */
int docx_text(fr_str bytes, const char *name, fr_buf *out, fr_buf *title, fr_err *err);
/** One file of a zip archive, unpacked; FR_E_NOT_FOUND when it is not there. */
int zip_read(fr_str archive, const char *entry, const char *name, fr_buf *out, fr_err *err);

#endif
