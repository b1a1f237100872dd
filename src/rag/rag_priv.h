/* rag_priv.h: shared between the files of src/rag only. */
#ifndef FR_RAG_PRIV_H
#define FR_RAG_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "rag/rag.h"

/* --- the container --------------------------------------------------------------------------
 *
 * An index is one SQLite file. What every way of search relies on:
 *
 *   header (key, value)             everything that made it; whoever adds a way of search adds keys
 *   document (id, source, …)        source is the user's id, unique
 *   chunk (id, document, number, start_bytes, end_bytes, text, …)
 *
 * chunk.id is the chunk's number everywhere (fusion.h, postings, vectors): 0, 1, … in the order of
 * coming. It stays the chunk's as long as that lives; a removed chunk's number is not given again,
 * so numbers may have gaps and `next_chunk` of the header is one more than the greatest ever given.
 * Vectors and the like stand in tables of their own, keyed by that number.
 */

/* --- chunks ---------------------------------------------------------------------------------- */

typedef struct {
    size_t start, end; /* bytes of the document; white space at both ends left out */
} chunk;
typedef struct {
    chunk *at;
    size_t n, cap;
} chunks;
/** Cuts a text. Appended; a chunk is never empty, none ends inside a character. */
void chunks_of(fr_str text, size_t chunk_chars, size_t overlap_chars, chunks *out);

/* --- terms ----------------------------------------------------------------------------------- */

/** Bumped whenever terms_put or chunks_of give something else: an index is read by its own rules.
 */
#define ANALYZER "fold-2"

/**
 * The text as the index sees it: folded words parted by spaces; runs of scripts that are written
 * without spaces as overlapping pairs of characters. Nothing but letters, marks, numbers and
 * spaces.
 */
void terms_put(fr_str text, fr_buf *out);
/** An FTS5 query that asks for any of the text's terms; empty when it has none. */
void terms_query(fr_str text, fr_buf *out);

#endif
