/**
 * rag/documents.h: documents out of files and folders, one after the other, in bounded memory.
 *
 *     FR_TRY(fr_documents_each("docs/", &(fr_documents_options){ .notice = tell }, put, writer,
 * err));
 *
 * By the ending of a name: .txt .text; .md .markdown; .html .htm .xhtml (headings and lists kept,
 * script and style left out); .pdf (by the program pdftotext); .docx; and, with a document a row,
 * .jsonl .ndjson {"_id" or "id", "title", "text", "metadata", …} and .csv .tsv with named columns.
 * A folder that holds corpus.jsonl (the BEIR layout) is that file. What else is named alone is read
 * as text; in a folder it is passed over, as are names that begin with a dot.
 *
 * Texts are brought to UTF-8: by their byte-order mark (UTF-8, UTF-16), else as UTF-8, else as
 * Windows-1252 (Latin-1), which is told; what fits none becomes U+FFFD. Offsets lead back to the
 * bytes of the file (of PDF and DOCX: of the text that was taken out; of rows: of the row's text).
 *
 * Other fields of rows become metadata to filter by.
 */
#ifndef FR_RAG_DOCUMENTS_H
#define FR_RAG_DOCUMENTS_H

#include "rag/rag.h"

typedef enum {
    FR_NOTICE_NONE,
    FR_NOTICE_SKIPPED, /* could not be read (encrypted, broken, no text in a row): the rest goes on
                        */
    FR_NOTICE_ENCODING /* taken for Windows-1252 */
} fr_notice;
typedef struct {
    /** Told of what is worth knowing; where: file or file:line. NULL: to the log. */
    void (*notice)(void *user, fr_notice kind, const char *where, const char *what);
    void *notice_user;
    const fr_progress *progress; /* asked for `stopped` */
} fr_documents_options;

/** A document, or a piece of one whose text is long: `first` with its head, the others with the
 * same id; offset: where the piece begins in the original. Borrowed for the call. */
typedef int (*fr_document_fn)(void *user, const fr_document *d, size_t offset, bool first,
                              fr_err *err);
/**
 * Folders are walked in the order of their names. A file that cannot be read is an error when it
 * was named itself, and skipped with a notice inside a folder.
 *
 * Errors  FR_E_NOT_FOUND; FR_E_FORMAT naming file and line; what fn returned.
 */
int fr_documents_each(const char *path, const fr_documents_options *options, fr_document_fn fn,
                      void *user, fr_err *err);

#endif
