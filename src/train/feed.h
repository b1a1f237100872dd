/**
 * train/feed.h: rows of text become token ids once, and then an endless, shuffled, mixed stream of
 * documents whose order is a function of the seed and a few counters. Inside the room only.
 */
#ifndef FR_TRAIN_FEED_H
#define FR_TRAIN_FEED_H

#include "base/progress.h"
#include "text/tokenizer.h"
#include "train/graph.h"
#include "train/train.h"

/** One document: ids[at … at + n). asked: it has a question, so it is never cut. */
typedef struct {
    size_t at;
    uint32_t n;
    bool asked;
} fr_document;

/** A file's rows as ids. */
typedef struct {
    char *name;
    fr_ids ids;
    uint8_t *loss; /* of each id: 1 where loss falls on it */
    size_t n_loss, cap_loss;
    fr_document *docs;
    size_t n_docs, cap;
    bool goes_on; /* the next example continues the last document */
} fr_corpus;
void fr_corpus_fini(fr_corpus *c);
FR_AUTO_DEFINE(fr_corpus);

/** BOS + input + output + EOS with loss on output and EOS; an empty input: loss everywhere. */
int fr_corpus_add(fr_corpus *c, const fr_tokenizer *t, fr_example row, fr_err *err);

/** A piece that fits the sequence, of a source. */
typedef struct {
    const int32_t *ids;
    const uint8_t *loss; /* never counts for the first id: nothing comes before it */
    uint32_t n;
} fr_piece;

/** One corpus inside a mix. epoch, cursor and drawn are all that a checkpoint must keep. */
typedef struct {
    const fr_corpus *corpus; /* borrowed */
    double ratio;
    fr_piece *pieces;
    size_t n_pieces, n_dropped; /* question and answer longer than the sequence */
    uint32_t *order;
    uint64_t order_epoch;
    uint64_t epoch, cursor, drawn;
} fr_source;

typedef struct {
    fr_source *sources;
    size_t n_sources;
    uint64_t seed, stage;
} fr_feed;

/** Cuts texts into pieces of at most `sequence` tokens; FR_E_USAGE when a source has none left. */
int fr_feed_init(fr_feed *f, const fr_corpus *const *corpora, const double *ratios, size_t n,
                 size_t sequence, uint64_t seed, uint64_t stage, fr_err *err);
void fr_feed_fini(fr_feed *f);
FR_AUTO_DEFINE(fr_feed);
/** The next pieces, as many as fit batch_tokens (at least one), into *out ([n], owned by caller,
 * grown here). The source that is furthest behind its ratio of tokens comes next. */
size_t fr_feed_next(fr_feed *f, size_t batch_tokens, fr_piece **out, size_t *cap);

/** Piece after piece becomes a batch for the graph. */
typedef struct {
    fr_batch batch;
    size_t max_tokens;
    int32_t *ids, *target;
    uint32_t *position, *doc_start, *loss_row;
} fr_packer;
void fr_packer_init(fr_packer *p, size_t max_tokens);
void fr_packer_fini(fr_packer *p);
FR_AUTO_DEFINE(fr_packer);
/** Empties it, then takes as many of the pieces as fit; returns how many. */
size_t fr_packer_fill(fr_packer *p, const fr_piece *pieces, size_t n);
/** Tokens of a piece that carry loss. */
size_t fr_piece_n_loss(fr_piece piece);

#endif
