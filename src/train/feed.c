#include "train/feed.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/random.h"

/* ---- corpora --------------------------------------------------------------------------------- */

void fr_corpus_fini(fr_corpus *c)
{
    free(c->name);
    free(c->docs);
    free(c->loss);
    fr_ids_fini(&c->ids);
    *c = (fr_corpus){ 0 };
}

int fr_corpus_add(fr_corpus *c, const fr_tokenizer *t, fr_example row, fr_err *err)
{
    const bool begins = !c->goes_on;
    const size_t at = c->ids.n;
    FR_TRY(
        fr_tokenizer_encode(t, row.input, begins ? FR_ENCODE_BOS : FR_ENCODE_PLAIN, &c->ids, err));
    const size_t answer = row.input.n == 0 ? at : c->ids.n;
    FR_TRY(fr_tokenizer_encode(t, row.output, FR_ENCODE_PLAIN, &c->ids, err));
    if (!row.goes_on && fr_tokenizer_eos(t) >= 0)
        fr_ids_put(&c->ids, fr_tokenizer_eos(t));
    while (c->n_loss < c->ids.n) {
        FR_GROW(c->loss, c->n_loss, c->cap_loss);
        c->loss[c->n_loss] = c->n_loss >= answer;
        c->n_loss++;
    }
    if (begins) {
        FR_GROW(c->docs, c->n_docs, c->cap);
        c->docs[c->n_docs++] = (fr_document){ .at = at, .asked = row.input.n > 0 };
    }
    fr_document *last = &c->docs[c->n_docs - 1];
    last->n = (uint32_t)(c->ids.n - last->at);
    c->goes_on = row.goes_on;
    return 0;
}

/* ---- the stream -------------------------------------------------------------------------------
 */

static void cut(fr_source *s, size_t sequence)
{
    size_t cap = 0;
    for (size_t i = 0; i < s->corpus->n_docs; i++) {
        const fr_document d = s->corpus->docs[i];
        const int32_t *ids = s->corpus->ids.at + d.at;
        if (d.n > sequence && d.asked) {
            s->n_dropped++;
            continue;
        }
        for (size_t from = 0; from + 1 < d.n; from += sequence) {
            FR_GROW(s->pieces, s->n_pieces, cap);
            s->pieces[s->n_pieces++] = (fr_piece){ ids + from, s->corpus->loss + d.at + from,
                                                   (uint32_t)FR_MIN(sequence, d.n - from) };
        }
    }
    /* a last piece of one token teaches nothing */
    size_t kept = 0;
    for (size_t i = 0; i < s->n_pieces; i++)
        if (s->pieces[i].n > 1)
            s->pieces[kept++] = s->pieces[i];
    s->n_pieces = kept;
}

int fr_feed_init(fr_feed *f, const fr_corpus *const *corpora, const double *ratios, size_t n,
                 size_t sequence, uint64_t seed, uint64_t stage, fr_err *err)
{
    *f = (fr_feed){
        .sources = FR_NEW_N(fr_source, n), .n_sources = n, .seed = seed, .stage = stage
    };
    for (size_t i = 0; i < n; i++) {
        fr_source *s = &f->sources[i];
        s->corpus = corpora[i];
        s->ratio = ratios[i];
        s->order_epoch = UINT64_MAX;
        cut(s, sequence);
        if (s->n_pieces == 0)
            return fr_fail(err, FR_E_USAGE, "Raise the sequence, or shorten the rows.",
                           "no row of '%s' fits a sequence of %zu tokens", s->corpus->name,
                           sequence);
        s->order = FR_NEW_N(uint32_t, s->n_pieces);
    }
    return 0;
}

void fr_feed_fini(fr_feed *f)
{
    for (size_t i = 0; i < f->n_sources; i++) {
        free(f->sources[i].pieces);
        free(f->sources[i].order);
    }
    free(f->sources);
    *f = (fr_feed){ 0 };
}

static fr_source *most_behind(fr_feed *f)
{
    fr_source *best = NULL;
    double least = 0;
    for (size_t i = 0; i < f->n_sources; i++) {
        fr_source *s = &f->sources[i];
        const double share = (double)s->drawn / s->ratio;
        if (s->ratio > 0 && (best == NULL || share < least)) {
            best = s;
            least = share;
        }
    }
    return best;
}

static fr_piece peek(fr_feed *f, fr_source *s)
{
    if (s->cursor == s->n_pieces) {
        s->cursor = 0;
        s->epoch++;
    }
    if (s->order_epoch != s->epoch) {
        const uint64_t stream =
            f->stage << 48 | (uint64_t)(s - f->sources) << 40 | (s->epoch & 0xffffffff);
        fr_random_permutation(s->order, s->n_pieces, f->seed, FR_RANDOM_SHUFFLE, stream);
        s->order_epoch = s->epoch;
    }
    return s->pieces[s->order[s->cursor]];
}

size_t fr_feed_next(fr_feed *f, size_t batch_tokens, fr_piece **out, size_t *cap)
{
    size_t n = 0, tokens = 0;
    for (;;) {
        fr_source *s = most_behind(f);
        const fr_piece piece = peek(f, s);
        if (n > 0 && tokens + piece.n > batch_tokens)
            return n;
        FR_GROW(*out, n, *cap);
        (*out)[n++] = piece;
        tokens += piece.n;
        s->drawn += piece.n;
        s->cursor++;
    }
}

/* ---- batches ----------------------------------------------------------------------------------
 */

void fr_packer_init(fr_packer *p, size_t max_tokens)
{
    *p = (fr_packer){ .max_tokens = max_tokens,
                      .ids = FR_NEW_N(int32_t, max_tokens),
                      .target = FR_NEW_N(int32_t, max_tokens),
                      .position = FR_NEW_N(uint32_t, max_tokens),
                      .doc_start = FR_NEW_N(uint32_t, max_tokens + 1),
                      .loss_row = FR_NEW_N(uint32_t, max_tokens) };
    p->batch = (fr_batch){ .ids = p->ids,
                           .target = p->target,
                           .position = p->position,
                           .doc_start = p->doc_start,
                           .loss_row = p->loss_row };
}

void fr_packer_fini(fr_packer *p)
{
    free(p->ids);
    free(p->target);
    free(p->position);
    free(p->doc_start);
    free(p->loss_row);
    *p = (fr_packer){ 0 };
}

size_t fr_packer_fill(fr_packer *p, const fr_piece *pieces, size_t n)
{
    fr_batch *b = &p->batch;
    b->n = b->n_docs = b->n_loss = 0;
    size_t taken = 0;
    for (; taken < n && b->n + pieces[taken].n <= p->max_tokens; taken++) {
        const fr_piece piece = pieces[taken];
        p->doc_start[b->n_docs++] = (uint32_t)b->n;
        for (uint32_t i = 0; i < piece.n; i++) {
            p->ids[b->n + i] = piece.ids[i];
            p->position[b->n + i] = i;
            if (i > 0 && piece.loss[i]) {
                p->loss_row[b->n_loss] = (uint32_t)b->n + i - 1;
                p->target[b->n_loss++] = piece.ids[i];
            }
        }
        b->n += piece.n;
    }
    p->doc_start[b->n_docs] = (uint32_t)b->n;
    return taken;
}

size_t fr_piece_n_loss(fr_piece piece)
{
    size_t n = 0;
    for (uint32_t i = 1; i < piece.n; i++)
        n += piece.loss[i];
    return n;
}
