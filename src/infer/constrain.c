/* Completions that follow a grammar: what may come next is found once for each state of the grammar
 * and looked up after that. */
#include <math.h>

#include "base/mem.h"
#include "infer/infer_priv.h"

/* Control tokens have no text of their own and so no place in a grammar. */
static void make_pieces(fr_engine *e)
{
    const fr_tokenizer *t = fr_model_tokenizer(e->model);
    size_t n = fr_model_shape(e->model)->n_vocab;
    e->piece_texts = FR_NEW_N(fr_str, n);
    for (size_t i = 0; i < n; i++) {
        if (i < fr_tokenizer_n_vocab(t) && !fr_tokenizer_is_control(t, (int32_t)i))
            e->piece_texts[i] = fr_tokenizer_piece(t, (int32_t)i);
    }
    e->pieces = fr_pieces_new(e->piece_texts, n);
}

void fr_constrain_begin(fr_engine *e, fr_asked *a)
{
    if (a->sampling.grammar == NULL)
        return;
    if (e->pieces == NULL)
        make_pieces(e);
    a->matcher = fr_matcher_new(a->sampling.grammar);
}

bool fr_constrain_logits(fr_engine *e, fr_asked *a, float *logits)
{
    size_t n_vocab = fr_model_shape(e->model)->n_vocab, n_allowed;
    const uint64_t *allowed = fr_matcher_allowed(a->matcher, e->pieces, &n_allowed);
    bool may_end = fr_matcher_is_complete(a->matcher);
    for (size_t w = 0; w * 64 < n_vocab; w++) {
        size_t n = FR_MIN(n_vocab - w * 64, (size_t)64);
        uint64_t barred = ~allowed[w] & (n < 64 ? ((uint64_t)1 << n) - 1 : ~(uint64_t)0);
        if (barred == ~(uint64_t)0 && !may_end) {
            for (size_t i = 0; i < 64; i++)
                logits[w * 64 + i] = -INFINITY;
            continue;
        }
        for (; barred != 0; barred &= barred - 1) {
            size_t i = w * 64 + (size_t)__builtin_ctzll(barred);
            if (!(e->ends[i] && may_end))
                logits[i] = -INFINITY;
        }
    }
    return n_allowed > 0;
}
