/* Shared between hf_*.c and sentencepiece.c only. */
#ifndef FR_MODEL_HF_VOCAB_PRIV_H
#define FR_MODEL_HF_VOCAB_PRIV_H

#include "model/hf_vocab.h"

enum { HF_TOKENS_MOST = 1 << 21 };

/* Text that is made, not found; owned by the vocabulary. */
fr_str hf_vocab_keep(fr_hf_vocab *v, char *text);
/* Room for n tokens, all without text and unused. */
void hf_vocab_size(fr_hf_vocab *v, size_t n);
/* hf_tokenizer.c: the parts of tokenizer.json, which v owns. */
int hf_tokenizer_read(fr_hf_vocab *v, fr_err *err);
/* hf_pretokens.c: the pre-tokenizer of tokenizer.json. `bytes` tells whether text becomes the
 * byte-level alphabet. */
int hf_pretokens_read(fr_hf_vocab *v, const json_t *pre, bool *bytes, fr_err *err);
/* hf_unigram.c: of a Unigram vocabulary: what is done to text before; the pieces and their scores;
 * the piece that stands for what no other covers. */
int hf_unigram_read(fr_hf_vocab *v, const json_t *root, fr_err *err);
int hf_unigram_pieces(fr_hf_vocab *v, const json_t *model, fr_err *err);
int hf_unigram_unknown(fr_hf_vocab *v, const json_t *model, fr_err *err);
/* -1: no such token. */
int32_t hf_vocab_find(const fr_hf_vocab *v, const char *text);

#endif
