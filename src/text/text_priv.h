/* Shared between the files of src/text only. */
#ifndef FR_TEXT_PRIV_H
#define FR_TEXT_PRIV_H

#include "text/tokenizer.h"

/* ---- the byte-level alphabet of GPT-2 (byte_alphabet.c) ------------------------------------- */

/* Each byte stands as one printable character: itself where it is printable Latin-1, else
 * U+0100… in order of the byte. */
uint32_t fr_byte_char(uint8_t byte);
/* The reverse; -1 for a character that stands for no byte. */
int fr_byte_of_char(uint32_t c);

/* ---- pre-tokenizers (pretokens.c): text to words, before any merging ------------------------ */

typedef struct fr_pretokens fr_pretokens;

/* The vocabulary's own patterns, or the row that it names. An unknown name is told once in the log
 * and treated as "default". */
int fr_pretokens_new(const fr_vocab *vocab, fr_pretokens **out, fr_err *err);
void fr_pretokens_free(fr_pretokens *p);
/* A word that is a token as a whole is taken without merging (llama-bpe). */
bool fr_pretokens_whole_words(const fr_pretokens *p);
/* Calls back for each word in order; the words together are the text. Bytes that are not UTF-8
 * are words of one byte. */
typedef void (*fr_word_fn)(void *user, fr_str word);
int fr_pretokens_split(const fr_pretokens *p, fr_str text, fr_word_fn fn, void *user, fr_err *err);

/* ---- texts by their prefixes (trie.c) ---------------------------------------------------------
 */

typedef struct fr_trie fr_trie;
typedef struct {
    fr_str text; /* of at least one byte; borrowed for the call */
    int32_t id;
} fr_trie_text;

/* Sorts texts. */
fr_trie *fr_trie_new(fr_trie_text *texts, size_t n);
void fr_trie_free(fr_trie *t);
/* A byte further from a node (0: the root); 0 where no text goes on so. *id: of the text that ends
 * there; -1: none. */
uint32_t fr_trie_step(const fr_trie *t, uint32_t at, char byte, int32_t *id);

/* ---- replaced characters (charsmap.c) ---------------------------------------------------------
 */

typedef struct fr_charsmap fr_charsmap;
int fr_charsmap_new(const uint8_t *bytes, size_t n, fr_charsmap **out, fr_err *err);
void fr_charsmap_free(fr_charsmap *m);
/* How many bytes at the start of text are replaced together, the most that are; 0: none.
 * *replacement: borrowed. */
size_t fr_charsmap_longest(const fr_charsmap *m, fr_str text, fr_str *replacement);

/* ---- the tokenizer -------------------------------------------------------------------------- */

typedef struct {
    int32_t left, right; /* left -1: an empty slot */
    int32_t rank, id;
} fr_merge;

struct fr_tokenizer {
    fr_vocab_kind kind;
    size_t n;
    char *memory;   /* owned: the bytes of raw and pieces */
    fr_str *raw;    /* [n] as in the file */
    fr_str *pieces; /* [n] as text */
    float *scores;  /* [n] or NULL */
    uint8_t *types; /* [n] */
    int32_t bos, eos, unk, pad;
    bool add_bos, add_eos, add_space_prefix;

    int32_t *slots; /* [slot_mask + 1] hash table of raw text to id; -1 empty */
    size_t slot_mask;
    int32_t byte_ids[256]; /* token of each byte; -1 none */

    fr_merge *merges; /* [merge_mask + 1] hash table of (left, right) */
    size_t merge_mask;
    fr_pretokens *pre;

    fr_trie *tries[2]; /* WordPiece: what begins a word, what continues one; Unigram: [0], all */
    bool keep_case, keep_accents, keep_whitespace, white_is_blank;
    bool has_bytes;   /* Unigram: what no piece covers is written as its bytes */
    bool sums_in_f64; /* Unigram */
    double unknown_score;
    fr_charsmap *charsmap; /* NULL: none */
    char *normalizer;      /* owned; NULL: none */
    bool prefix_once, prefix_if_none;
    uint8_t *strips; /* [n] or NULL */

    bool has_unused; /* SPM: pieces that may be passed through but not given out */

    int32_t
        *special; /* [n_special] tokens that are looked for in text: by first byte, longest first */
    size_t n_special;
    uint32_t special_from[257]; /* where each first byte's begin in special */
};

/* Bytes of White_Space at the start of text. */
size_t fr_space_at(fr_str text);

/* Id of a token's text as in the file; -1: none. */
int32_t fr_tokenizer_find(const fr_tokenizer *t, fr_str raw);

/* ---- byte-level BPE (bpe.c) ------------------------------------------------------------------ */

/* The table of merges; also SPM's, where the vocabulary has them. */
int fr_merges_prepare(fr_tokenizer *t, const fr_vocab *vocab, fr_err *err);
/* NULL: these two are never joined. */
const fr_merge *fr_merge_find(const fr_tokenizer *t, int32_t left, int32_t right);
int fr_bpe_prepare(fr_tokenizer *t, const fr_vocab *vocab, fr_err *err);
int fr_bpe_encode(const fr_tokenizer *t, fr_str text, fr_ids *ids, fr_err *err);

/* ---- Unicode normalization (normal_form.c) --------------------------------------------------- */

/* Whether text needs it; if so its normal form is put into out. Bytes that are not UTF-8 stay. */
bool fr_normal_form(const char *form, fr_str text, fr_buf *out);
/* FR_E_UNSUPPORTED: no such form. */
int fr_normal_form_check(const char *form, fr_err *err);

/* ---- SentencePiece BPE (spm.c) --------------------------------------------------------------- */

/* space_prefix: the text begins a line of its own, so a space is put before it. */
int fr_spm_encode(const fr_tokenizer *t, fr_str text, bool space_prefix, fr_ids *ids, fr_err *err);

/* ---- WordPiece (wordpiece.c) ------------------------------------------------------------------
 */

void fr_wordpiece_prepare(fr_tokenizer *t);
/* Whether the vocabulary marks what continues a word, not what begins one. */
bool fr_wordpiece_marks_insides(const fr_tokenizer *t);
/* What a token is in a text, at most a byte longer than what is in the file. Returns its bytes. */
size_t fr_wordpiece_piece(bool by_insides, fr_str raw, char *out);
int fr_wordpiece_encode(const fr_tokenizer *t, fr_str text, fr_ids *ids, fr_err *err);

/* ---- Unigram (unigram.c) ----------------------------------------------------------------------
 */

int fr_unigram_prepare(fr_tokenizer *t, const fr_vocab *vocab, fr_err *err);
int fr_unigram_encode(const fr_tokenizer *t, fr_str text, bool space_prefix, fr_ids *ids,
                      fr_err *err);

#endif
