/**
 * rag/answer.h: answers out of passages: whether there is support, the prompt, the citations, and
 * from how many questions on tuning would have been cheaper.
 *
 *     double support = fr_index_support(index, question, &hits);
 *     if (support < FR_SUPPORT_ENOUGH) …                       not in the documents
 *     fr_ask_prompt(question, &hits, 3, &prompt);
 *     fr_citations_of(answer, hits.n, cited, &n);
 */
#ifndef FR_RAG_ANSWER_H
#define FR_RAG_ANSWER_H

#include "rag/rag.h"

/** Below it a question counts as not answered by the documents: docs/decisions/0070. */
#define FR_SUPPORT_ENOUGH   0.45
#define FR_NOT_IN_DOCUMENTS "not in the documents"

/**
 * How much of a question the best of the passages speaks of: the share of its words, weighted by
 * idf, that stand in that passage or its headings. A word that no document has weighs most. 0…1;
 * words that say nothing do not count; 1 for a question of nothing else.
 */
double fr_index_support(fr_index *index, fr_str question, const fr_hits *hits);
/** The prompt: numbered passages, the question, and what to do. Appended to out. */
void fr_ask_prompt(fr_str question, const fr_hits *hits, size_t n, fr_buf *out);
/** The numbers in brackets, [1]…[n_passages], in the order of their first coming, each once; at
 * most n_passages of them. */
void fr_citations_of(fr_str answer, size_t n_passages, size_t *cited, size_t *n);
/** The passage that holds a piece of text word for word (n when none does). */
size_t fr_passage_with(const fr_hits *hits, fr_str piece);

/**
 * Requests from which on tuning (build once, then tuned_request_j each) takes less than retrieval
 * (index_j once, then rag_request_j each, since longer prompts cost on every request):
 * (tune_build_j - index_j) / (rag_request_j - tuned_request_j), rounded up. 0: from the first one;
 * INFINITY: never.
 */
double fr_rag_break_even(double index_j, double rag_request_j, double tune_build_j,
                         double tuned_request_j);

#endif
