/**
 * text/tokenizer.h: text to token ids and back, and the training of a vocabulary.
 *
 * The room knows no model file: whoever reads one fills a plain fr_vocab. (A second door of the
 * room, text/utf8.h, holds UTF-8.)
 *
 *     FR_TRY(fr_tokenizer_new(&vocab, &tok, err));
 *     fr_ids ids = { 0 };
 *     FR_TRY(fr_tokenizer_encode(tok, FR_STR("Once upon"), FR_ENCODE_BOS, &ids, err));
 *
 * Threads: a tokenizer is immutable; any number of threads may use it.
 */
#ifndef FR_TEXT_TOKENIZER_H
#define FR_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

typedef enum fr_vocab_kind {
    FR_VOCAB_NONE,
    FR_VOCAB_BPE,       /* byte-level byte-pair encoding with ranked merges (GPT-2 and its heirs) */
    FR_VOCAB_SPM,       /* SentencePiece BPE with scores and byte fallback (Llama 1, 2) */
    FR_VOCAB_WORDPIECE, /* BERT: words, then the longest pieces from the left */
    FR_VOCAB_UNIGRAM    /* SentencePiece's most likely pieces (T5, XLM-R) */
} fr_vocab_kind;

/** As in GGUF's tokenizer.ggml.token_type. */
typedef enum fr_token_type {
    FR_TOKEN_NONE,
    FR_TOKEN_NORMAL,
    FR_TOKEN_UNKNOWN,
    FR_TOKEN_CONTROL,
    FR_TOKEN_USER,
    FR_TOKEN_UNUSED,
    FR_TOKEN_BYTE
} fr_token_type;

/** Plain tables, all borrowed for the call of fr_tokenizer_new() only. Ids of -1: none. */
typedef struct {
    fr_vocab_kind kind;
    const char
        *pre; /* pre-tokenizer, as in tokenizer.ggml.pre: "gpt-2", "llama-bpe"…; NULL: default */
    /* [n], as stored in the file: byte-level alphabet for BPE, U+2581 for SPM and Unigram;
     * WordPiece either with U+2581 before what begins a word (GGUF) or "##" before what continues
     * one (Hugging Face) */
    const fr_str *tokens;
    const float *scores;  /* [n] or NULL; SPM, Unigram */
    const uint8_t *types; /* [n] of fr_token_type, or NULL: all normal */
    size_t n;
    const fr_str *merges; /* [n_merges] "left right", best first; BPE, and SPM whose pairs are
                             ranked by them instead of by scores */
    size_t n_merges;
    int32_t bos, eos, unk, pad;
    bool add_bos, add_eos, add_space_prefix;
    /* WordPiece: letters are not made lower case; accents stay on. Its BOS is [CLS], EOS [SEP]. */
    bool keep_case, keep_accents;
    /* Unigram: SentencePiece's table of replaced characters (tokenizer.ggml.precompiled_charsmap;
     * in a tokenizer.json, the normalizer "Precompiled", decoded from base64); NULL: none. */
    const uint8_t *charsmap;
    size_t n_charsmap;
    bool keep_whitespace; /* Unigram: runs of blanks stay, also at both ends */
    bool sums_in_f64;     /* Unigram: scores are added as HF tokenizers does, not SentencePiece */
    bool white_is_blank;  /* Unigram: white space of every kind is a blank */

    /* What tokenizer.json can say and published GGUF keys cannot; zero: nothing of it. */
    const char *const *patterns; /* [n_patterns] instead of pre: PCRE2, from fr_pattern_of() */
    size_t n_patterns;
    bool whole_words;       /* with patterns: a word that is a token is taken without merging */
    const char *normalizer; /* "nfc", "nfd", "nfkc", "nfkd": done to text between special tokens */
    bool prefix_once;       /* the space prefix only at the very start, not behind special tokens */
    bool prefix_if_none;    /* no space prefix before a text that begins with one */
    const uint8_t *strips;  /* [n] or NULL; bits: FR_STRIP_… of special tokens in text */
} fr_vocab;

/** White space at a special token's side belongs to it and is dropped. */
enum { FR_STRIP_LEFT = 1, FR_STRIP_RIGHT = 2 };

typedef struct fr_tokenizer fr_tokenizer;

/** Token ids that grow; zero-initialized is empty. */
typedef struct {
    int32_t *at;
    size_t n, cap;
} fr_ids;
void fr_ids_put(fr_ids *ids, int32_t id);
void fr_ids_clear(fr_ids *ids);
void fr_ids_fini(fr_ids *ids);
FR_AUTO_DEFINE(fr_ids);

int fr_tokenizer_new(const fr_vocab *vocab, fr_tokenizer **out, fr_err *err);
void fr_tokenizer_free(fr_tokenizer *t);
FR_AUTOPTR_DEFINE(fr_tokenizer);

enum {
    FR_ENCODE_PLAIN = 0,
    FR_ENCODE_BOS = 1,      /* BOS first and EOS last where the vocabulary asks for them */
    FR_ENCODE_SPECIAL = 2,  /* control tokens written out in the text are recognized */
    FR_ENCODE_CONTINUES = 4 /* goes on after other text: no space is put before it (SPM) */
};

/** Appends to ids. Invalid UTF-8 is encoded byte by byte, never refused. */
int fr_tokenizer_encode(const fr_tokenizer *t, fr_str text, int flags, fr_ids *ids, fr_err *err);
/** Appends the bytes of the ids (may end inside a character); control tokens give nothing
 * unless special. */
void fr_tokenizer_decode(const fr_tokenizer *t, const int32_t *ids, size_t n, bool special,
                         fr_buf *out);
/** The bytes of one token. Borrowed. Control tokens give their name. */
fr_str fr_tokenizer_piece(const fr_tokenizer *t, int32_t id);
bool fr_tokenizer_is_control(const fr_tokenizer *t, int32_t id);
size_t fr_tokenizer_n_vocab(const fr_tokenizer *t);
int32_t fr_tokenizer_bos(const fr_tokenizer *t);
int32_t fr_tokenizer_eos(const fr_tokenizer *t);
/** Whether FR_ENCODE_BOS puts a BOS first, an EOS last. */
bool fr_tokenizer_adds_bos(const fr_tokenizer *t);
bool fr_tokenizer_adds_eos(const fr_tokenizer *t);

/** A regular expression of tokenizer.json (Oniguruma's) as a PCRE2 pattern that matches the same:
 * white space is spelt out, characters beyond ASCII are numbers. Appended to out. FR_E_UNSUPPORTED:
 * a construct that the two read differently, named. */
int fr_pattern_of(fr_str regex, fr_buf *out, fr_err *err);
/** Name of the pre-tokenizer of these patterns as in tokenizer.ggml.pre; NULL: none. Static but for
 * its length: *n. */
const char *fr_pretokens_name(const char *const *patterns, size_t n_patterns, bool whole_words,
                              size_t *n);

/** A trained byte-level BPE vocabulary; its strings are owned by it. */
typedef struct {
    fr_str *tokens;
    fr_str *merges;
    uint8_t *types;
    size_t n, n_merges;
    char *memory;
} fr_bpe;

/**
 * Learns byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909; bytes as in GPT-2) from texts
 * with the "gpt-2" pre-tokenizer: ids 0…n_special-1 are the control tokens given, then the 256
 * bytes, then merges by falling count (ties: the pair of smaller ids). Deterministic.
 */
int fr_bpe_train(const fr_str *texts, size_t n_texts, const char *const *special, size_t n_special,
                 size_t n_vocab, fr_bpe *out, fr_err *err);
void fr_bpe_fini(fr_bpe *b);
FR_AUTO_DEFINE(fr_bpe);

#endif
