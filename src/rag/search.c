/*
 * BM25, term at a time: each term's chunks are read whole and their scores added up in an array
 * with a place for every chunk; the best k are then picked. That costs a few nanoseconds a posting
 * and needs no bound to be kept, and a filter can never hide a chunk that should be found.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rag/rag_priv.h"

#define QUERY_TERMS_MAX 256 /* the rest of a very long query is left out */
#define LOOK_CHUNKS     50
#define TIES_MOST       10000

typedef struct {
    size_t at, n;
    bool quiet;
} query_term;
typedef struct {
    query_term at[QUERY_TERMS_MAX];
    size_t n;
    bool quiet; /* nothing else is asked for */
    fr_buf text;
} query_terms;

static void terms_of(analyzer *a, fr_str query, query_terms *out)
{
    word_scan scan = { .text = query };
    FR_AUTO(word_terms) found = { 0 };
    fr_str word;
    run_kind kind;
    out->quiet = true;
    while (word_next(&scan, &word, &kind)) {
        analyzer_word(a, word, kind, &found);
        for (size_t i = 0; i < found.n; i++) {
            fr_str term = { found.text.at + found.at[i].at, found.at[i].n };
            bool again = out->n == QUERY_TERMS_MAX;
            for (size_t j = 0; j < out->n && !again; j++)
                again = fr_str_equal(term, (fr_str){ out->text.at + out->at[j].at, out->at[j].n });
            if (again)
                continue;
            out->at[out->n++] = (query_term){ out->text.n, term.n, found.at[i].quiet };
            out->quiet = out->quiet && found.at[i].quiet;
            fr_buf_put_str(&out->text, term);
        }
    }
}

/* A term's chunks that are there. */
typedef struct {
    uint32_t *chunk, *count;
    size_t n, cap;
} occurrences;

static int read_segment_of(fr_index *index, const segment *s, fr_str term, occurrences *out,
                           fr_err *err)
{
    fr_query *q = index->postings;
    const shelf *all = &index->shelf;
    fr_query_bind_i64(q, 1, s->id);
    fr_query_bind_str(q, 2, term);
    int rc = fr_query_step(q, err);
    if (rc == FR_ROW) {
        int64_t n = fr_query_i64(q, 0);
        fr_str data = fr_query_blob(q, 1);
        size_t most = out->n + FR_MIN((size_t)FR_MAX(n, 0), data.n);
        if (most > out->cap) {
            out->cap = most;
            out->chunk = fr_array_resize(out->chunk, most, sizeof(*out->chunk));
            out->count = fr_array_resize(out->count, most, sizeof(*out->count));
        }
        posting_reader r = { (const uint8_t *)data.at, (const uint8_t *)data.at + data.n,
                             s->first };
        uint64_t chunk;
        uint32_t count;
        while (out->n < most && posting_next(&r, &chunk, &count)) {
            if (chunk >= all->n_slots || all->lengths[chunk] == LENGTH_GONE)
                continue;
            out->chunk[out->n] = (uint32_t)chunk;
            out->count[out->n++] = count;
        }
    }
    fr_query_reset(q);
    return rc < 0 ? rc : 0;
}

static double idf_of(size_t n_chunks, double n)
{
    return log(1.0 + ((double)n_chunks - n + 0.5) / (n + 0.5));
}

static int add_scores(fr_index *index, const query_terms *terms, fr_err *err)
{
    occurrences o = { 0 };
    double k1 = index->options.k1;
    int rc = 0;
    for (size_t t = 0; t < terms->n && rc == 0; t++) {
        if (terms->at[t].quiet && !terms->quiet)
            continue;
        fr_str term = { terms->text.at + terms->at[t].at, terms->at[t].n };
        o.n = 0;
        for (size_t s = 0; s < index->shelf.n_segments && rc == 0; s++)
            rc = read_segment_of(index, &index->shelf.segments[s], term, &o, err);
        double idf = idf_of(index->shelf.n_chunks, (double)o.n);
        for (size_t i = 0; i < o.n; i++) {
            double tf = o.count[i];
            index->scores[o.chunk[i]] += idf * tf * (k1 + 1.0) / (tf + index->norms[o.chunk[i]]);
        }
    }
    free(o.chunk);
    free(o.count);
    return rc;
}

/* --- ties ------------------------------------------------------------------------------------ */

typedef struct {
    fr_rank rank;
    char *source;
    int64_t number;
} named_rank;

static int by_name(const void *left, const void *right)
{
    const named_rank *a = left, *b = right;
    if (a->rank.score != b->rank.score)
        return a->rank.score > b->rank.score ? -1 : 1;
    int order = strcmp(a->source, b->source);
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

/* In an index whose numbers do not rise with its documents' ids, equal scores are put in the order
 * that they would have in one that was built at once. */
static int order_ties(fr_index *index, fr_ranked *list, size_t k, fr_err *err)
{
    named_rank *named = FR_NEW_N(named_rank, list->n);
    int rc = 0;
    for (size_t i = 0; i < list->n && rc == 0; i++) {
        fr_query *q = index->read;
        named[i].rank = list->at[i];
        fr_query_bind_i64(q, 1, list->at[i].chunk);
        rc = fr_query_step(q, err);
        named[i].source = fr_str_dup(rc == FR_ROW ? fr_query_blob(q, 0) : (fr_str){ 0 });
        named[i].number = rc == FR_ROW ? fr_query_i64(q, 1) : 0;
        fr_query_reset(q);
        rc = rc < 0 ? rc : 0;
    }
    if (rc == 0)
        fr_sort(named, list->n, sizeof(*named), by_name);
    for (size_t i = 0; i < list->n && rc == 0; i++)
        list->at[i] = named[i].rank;
    for (size_t i = 0; i < list->n; i++)
        free(named[i].source);
    free(named);
    list->n = FR_MIN(list->n, k);
    return rc;
}

/* The best k, in order; scores are zero again afterwards. */
static int pick(fr_index *index, const uint8_t *allowed, const fr_search_options *options, size_t k,
                fr_ranked *out, fr_err *err)
{
    size_t n_slots = index->shelf.n_slots;
    for (size_t i = 0; i < n_slots; i++) {
        bool may = index->scores[i] > 0 &&
                   (allowed == NULL || (allowed[i / 8] >> i % 8 & 1) != 0) &&
                   (options->keep == NULL || options->keep(options->keep_user, (uint32_t)i));
        if (!may)
            index->scores[i] = 0;
        else if (out->n < k || index->scores[i] > out->at[0].score)
            fr_ranked_offer(out, k, (uint32_t)i, index->scores[i]);
    }
    /* the others with the score of the last one, which might come before it by name */
    double last = out->n == k && out->n > 0 ? out->at[0].score : INFINITY;
    if (!index->shelf.in_order && last < INFINITY) {
        fr_ranked_fini(out);
        size_t room = k + TIES_MOST;
        for (size_t i = 0; i < n_slots; i++) {
            if (index->scores[i] >= last)
                fr_ranked_offer(out, room, (uint32_t)i, index->scores[i]);
        }
    }
    memset(index->scores, 0, n_slots * sizeof(*index->scores));
    fr_ranked_sort(out);
    return index->shelf.in_order ? 0 : order_ties(index, out, k, err);
}

/* --- searching ------------------------------------------------------------------------------- */

static int rank_now(fr_index *index, fr_str query, size_t k, const fr_search_options *o,
                    fr_ranked *out, fr_err *err)
{
    FR_TRY(index_refresh(index, err));
    FR_AUTO(fr_buf) text = { 0 };
    query_terms terms = { 0 };
    uint8_t *allowed = NULL;
    size_t n = 0;
    terms_of(index->analyzer, query, &terms);
    size_t look = o->second_look == 0 ? LOOK_CHUNKS : (size_t)FR_MAX(o->second_look, 0),
           most = o->variety > 0 ? FR_MAX(k, (size_t)LOOK_CHUNKS) : k;
    most = FR_MIN(FR_MAX(most, look), FR_MAX(index->shelf.n_chunks, (size_t)1));
    int rc = terms.n == 0 || k == 0 ? 0 : add_scores(index, &terms, err);
    if (rc == 0 && o->n_filters > 0)
        rc = fr_index_allowed(index, o->filters, o->n_filters, &allowed, &n, err);
    if (rc == 0)
        rc = pick(index, allowed, o, most, out, err);
    else
        memset(index->scores, 0, index->shelf.n_slots * sizeof(*index->scores));
    if (rc == 0 && look > 0 && out->n > 1)
        rc = second_look(index, query, look, out, err);
    if (rc == 0 && o->variety > 0)
        rc = spread_by_words(index, o->variety, k, out, err);
    out->n = FR_MIN(out->n, k);
    fr_buf_fini(&terms.text);
    free(allowed);
    return rc;
}

int fr_index_rank(fr_index *index, fr_str query, size_t k, const fr_search_options *options,
                  fr_ranked *out, fr_err *err)
{
    fr_search_options o = options != NULL ? *options : (fr_search_options){ 0 };
    *out = (fr_ranked){ 0 };
    FR_TRY(fr_store_exec(index->store, "BEGIN", err)); /* all of it of one state of the file */
    int rc = rank_now(index, query, k, &o, out, err);
    fr_store_rollback(index->store);
    if (rc != 0)
        fr_ranked_fini(out);
    return rc;
}

int fr_index_search(fr_index *index, fr_str query, size_t k, fr_hits *out, fr_err *err)
{
    FR_AUTO(fr_ranked) list = { 0 };
    *out = (fr_hits){ 0 };
    FR_TRY(fr_index_rank(index, query, k, NULL, &list, err));
    return fr_index_read(index, &list, out, err);
}

double fr_index_idf(void *user, fr_str term)
{
    fr_index *index = user;
    query_terms terms = { 0 };
    terms_of(index->analyzer, term, &terms);
    double n = 0.0;
    for (size_t s = 0; s < index->shelf.n_segments && terms.n > 0; s++) {
        fr_query_bind_i64(index->count, 1, index->shelf.segments[s].id);
        fr_query_bind_str(index->count, 2, (fr_str){ terms.text.at, terms.at[0].n });
        if (fr_query_step(index->count, NULL) == FR_ROW)
            n += (double)fr_query_i64(index->count, 0);
        fr_query_reset(index->count);
    }
    fr_buf_fini(&terms.text);
    return idf_of(index->shelf.n_chunks, fmin(n, (double)index->shelf.n_chunks));
}
