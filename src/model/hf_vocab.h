/**
 * model/hf_vocab.h: the tokenizer of a Hugging Face folder: tokenizer.json, else tokenizer.model
 * (SentencePiece), with what tokenizer_config.json and its neighbours say beside them.
 *
 *     FR_AUTO(fr_hf_vocab) vocab = { 0 };
 *     FR_TRY(fr_hf_vocab_read(folder, NULL, 0, &vocab, err));
 *     FR_TRY(fr_hf_vocab_tokenizer(&vocab, &tokenizer, err));       or
 *     fr_hf_vocab_put(&vocab, gguf);
 *
 * What published GGUF keys cannot say is written under keys of our own, frugal.tokenizer.*, which
 * other programs pass over (docs/decisions/0053).
 */
#ifndef FR_MODEL_HF_VOCAB_H
#define FR_MODEL_HF_VOCAB_H

#include <jansson.h>
#include "model/gguf.h"
#include "text/tokenizer.h"

enum { FR_HF_PATTERNS_MOST = 6 };

/** Special ids; the order is that of the names in hf_vocab.c. */
typedef enum fr_hf_special {
    FR_HF_BOS,
    FR_HF_EOS,
    FR_HF_UNK,
    FR_HF_PAD,
    FR_HF_SEP,
    FR_HF_CLS,
    FR_HF_MASK,
    FR_HF_EOT, /* ends a turn, where generation stops at more than EOS */
    FR_HF_SPECIALS
} fr_hf_special;

typedef struct {
    fr_vocab_kind kind;
    char *pre;       /* owned; NULL: none of the published names, or not of this kind */
    fr_str *tokens;  /* [n] owned array; the text lies in `from` or `made` */
    float *scores;   /* [n] or NULL */
    uint8_t *types;  /* [n] of fr_token_type */
    uint8_t *strips; /* [n] of FR_STRIP_…, or NULL */
    size_t n;
    fr_str *merges; /* [n_merges] */
    size_t n_merges;
    char *patterns[FR_HF_PATTERNS_MOST]; /* owned, where pre is NULL and the kind has them */
    size_t n_patterns;
    bool whole_words, add_bos, add_eos, add_space_prefix, prefix_once, prefix_if_none;
    bool keep_case, keep_accents;         /* WordPiece */
    bool keep_whitespace, white_is_blank; /* Unigram, as in fr_vocab */
    bool by_mark;                         /* Unigram: each U+2581 begins a word of its own */
    fr_buf charsmap;                      /* Unigram: replaced characters */
    const char *normalizer;               /* static */
    int32_t special[FR_HF_SPECIALS];      /* -1: none */
    char *chat_template;                  /* owned; NULL: none */
    fr_buf told;                          /* lines: what a user should know */

    json_t *from, *named_templates;
    fr_buf model_file;
    char **made; /* [n_made] owned */
    size_t n_made, made_cap;
} fr_hf_vocab;

/** config: of config.json, may be NULL. n_tokens: rows of the embedding; those that have no token
 * are unused ones; 0: as many as the tokenizer has. */
int fr_hf_vocab_read(const char *folder, const json_t *config, size_t n_tokens, fr_hf_vocab *out,
                     fr_err *err);
/** tokenizer.json alone. */
int fr_hf_vocab_parse(const void *bytes, size_t n, fr_hf_vocab *out, fr_err *err);
/** tokenizer.model alone: SentencePiece's protobuf. */
int fr_sentencepiece_parse(const void *bytes, size_t n, fr_hf_vocab *out, fr_err *err);
void fr_hf_vocab_put(const fr_hf_vocab *v, fr_gguf_out *o);
int fr_hf_vocab_tokenizer(const fr_hf_vocab *v, fr_tokenizer **out, fr_err *err);
/** "llama", "gpt2 (qwen2)"; owned, free(). */
char *fr_hf_vocab_name(const fr_hf_vocab *v);
void fr_hf_vocab_fini(fr_hf_vocab *v);
FR_AUTO_DEFINE(fr_hf_vocab);

#endif
