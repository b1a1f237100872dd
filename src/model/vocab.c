/* vocab.c: a tokenizer's plain tables from the keys tokenizer.ggml.* of a file. */
#include <stdlib.h>
#include "base/mem.h"
#include "model/hf_vocab.h"
#include "model/model_priv.h"

/* The tables of an fr_vocab while they are filled; owned. */
typedef struct {
    fr_str *tokens, *merges;
    float *scores;
    uint8_t *types, *charsmap, *strips;
    char *pre, *normalizer, *patterns[FR_HF_PATTERNS_MOST];
} tables;

static void tables_fini(tables *t)
{
    free(t->tokens);
    free(t->merges);
    free(t->scores);
    free(t->types);
    free(t->charsmap);
    free(t->strips);
    free(t->pre);
    free(t->normalizer);
    for (size_t i = 0; i < FR_HF_PATTERNS_MOST; i++)
        free(t->patterns[i]);
}
FR_AUTO_DEFINE(tables);

static int wrong(const fr_gguf *file, const char *key, const char *expected, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "The tokenizer of this file is damaged or incomplete.",
                   "'%s': key '%s' is missing or not %s", fr_gguf_path(file), key, expected);
}

static int read_strings(const fr_gguf *file, const char *key, fr_str **out, size_t *n, fr_err *err)
{
    if (!fr_gguf_array(file, key, n))
        return wrong(file, key, "an array of texts", err);
    *out = FR_NEW_N(fr_str, *n);
    for (size_t i = 0; i < *n; i++)
        if (!fr_gguf_array_str(file, key, i, &(*out)[i]))
            return wrong(file, key, "an array of texts", err);
    return 0;
}

/* The array is there and as long as the vocabulary. */
static int check_length(const fr_gguf *file, const char *key, size_t n, size_t n_tokens,
                        fr_err *err)
{
    if (n == n_tokens)
        return 0;
    return fr_fail(err, FR_E_FORMAT, "The tokenizer of this file is damaged.",
                   "'%s': '%s' has %zu entries for %zu tokens", fr_gguf_path(file), key, n,
                   n_tokens);
}

static int read_scores(const fr_gguf *file, size_t n_tokens, float **out, fr_err *err)
{
    static const char KEY[] = "tokenizer.ggml.scores";
    size_t n;
    if (!fr_gguf_array(file, KEY, &n))
        return 0;
    FR_TRY(check_length(file, KEY, n, n_tokens, err));
    *out = FR_NEW_N(float, n);
    for (size_t i = 0; i < n; i++) {
        double score;
        if (!fr_gguf_array_f64(file, KEY, i, &score))
            return wrong(file, KEY, "an array of numbers", err);
        (*out)[i] = (float)score;
    }
    return 0;
}

static int read_types(const fr_gguf *file, size_t n_tokens, uint8_t **out, fr_err *err)
{
    static const char KEY[] = "tokenizer.ggml.token_type";
    size_t n;
    if (!fr_gguf_array(file, KEY, &n))
        return 0;
    FR_TRY(check_length(file, KEY, n, n_tokens, err));
    *out = FR_NEW_N(uint8_t, n);
    for (size_t i = 0; i < n; i++) {
        int64_t type;
        if (!fr_gguf_array_i64(file, KEY, i, &type) || type < 0 || type > FR_TOKEN_BYTE)
            return wrong(file, KEY, "an array of token types, 0 to 6", err);
        (*out)[i] = (uint8_t)type;
    }
    return 0;
}

/* -1 where the file names none. */
static int read_id(const fr_gguf *file, const char *key, size_t n_tokens, int32_t *out, fr_err *err)
{
    int64_t id;
    *out = -1;
    if (!fr_gguf_get_i64(file, key, &id) || id == -1 || id == 0xffffffff)
        return 0;
    if (id < 0 || (uint64_t)id >= n_tokens)
        return fr_fail(err, FR_E_FORMAT, "The tokenizer of this file is damaged.",
                       "'%s': '%s' is %lld, of %zu tokens", fr_gguf_path(file), key, (long long)id,
                       n_tokens);
    *out = (int32_t)id;
    return 0;
}

static int read_kind(const fr_gguf *file, fr_vocab *v, fr_err *err)
{
    fr_str model;
    if (!fr_gguf_get_str(file, "tokenizer.ggml.model", &model))
        return wrong(file, "tokenizer.ggml.model", "text", err);
    if (fr_str_is(model, "gpt2"))
        v->kind = FR_VOCAB_BPE;
    else if (fr_str_is(model, "llama"))
        v->kind = FR_VOCAB_SPM;
    else if (fr_str_is(model, "bert"))
        v->kind = FR_VOCAB_WORDPIECE;
    else if (fr_str_is(model, "t5"))
        v->kind = FR_VOCAB_UNIGRAM;
    else
        return fr_fail(err, FR_E_UNSUPPORTED,
                       "Supported are gpt2 (BPE), llama (SentencePiece), bert (WordPiece) and t5 "
                       "(Unigram).",
                       "'%s': tokenizer '%.*s' is not supported", fr_gguf_path(file),
                       FR_STR_F(model));
    return 0;
}

/* The table of replaced characters, as bytes of either sign. */
static int read_charsmap(const fr_gguf *file, uint8_t **out, size_t *n, fr_err *err)
{
    static const char KEY[] = "tokenizer.ggml.precompiled_charsmap";
    *n = 0;
    if (!fr_gguf_array(file, KEY, n) || *n == 0)
        return 0;
    *out = FR_NEW_N(uint8_t, *n);
    for (size_t i = 0; i < *n; i++) {
        int64_t byte;
        if (!fr_gguf_array_i64(file, KEY, i, &byte) || byte < -128 || byte > 255)
            return wrong(file, KEY, "an array of bytes", err);
        (*out)[i] = (uint8_t)byte;
    }
    return 0;
}

/* No key says whether a WordPiece vocabulary knows case: one with a capital in a word does. Accents
 * go with it, as in BERT's own vocabularies. */
static void find_case(fr_vocab *v)
{
    for (size_t i = 0; i < v->n && !v->keep_case; i++) {
        const fr_str token = v->tokens[i];
        if (v->types != NULL && v->types[i] > FR_TOKEN_NORMAL)
            continue;
        if (token.n > 0 && token.at[0] == '[') /* "[CLS]", "[unused1]" */
            continue;
        for (size_t k = 0; k < token.n; k++)
            v->keep_case |= token.at[k] >= 'A' && token.at[k] <= 'Z';
    }
    v->keep_accents = v->keep_case;
}

static int32_t find_token(const fr_vocab *v, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (fr_str_is(v->tokens[i], name))
            return (int32_t)i;
    return -1;
}

/* What BERT calls its first, last and unknown token, where the file does not say. */
static int read_bert(const fr_gguf *file, fr_vocab *v, fr_err *err)
{
    int32_t id;
    FR_TRY(read_id(file, "tokenizer.ggml.cls_token_id", v->n, &id, err));
    v->bos = id >= 0 ? id : v->bos >= 0 ? v->bos : find_token(v, "[CLS]");
    FR_TRY(read_id(file, "tokenizer.ggml.seperator_token_id", v->n, &id, err));
    v->eos = id >= 0 ? id : v->eos >= 0 ? v->eos : find_token(v, "[SEP]");
    if (v->unk < 0)
        v->unk = find_token(v, "[UNK]");
    find_case(v);
    return 0;
}

/* What stands around a text, and what is done with blanks, where the file does not say. */
static void set_defaults(fr_vocab *v)
{
    v->add_bos = v->kind == FR_VOCAB_SPM || v->kind == FR_VOCAB_WORDPIECE;
    v->add_eos = v->kind == FR_VOCAB_UNIGRAM || v->kind == FR_VOCAB_WORDPIECE;
    v->add_space_prefix = v->kind == FR_VOCAB_SPM || v->kind == FR_VOCAB_UNIGRAM;
}

/* ---- keys of our own: what tokenizer.json said and no published key can -----------------------
 */

static int read_patterns(const fr_gguf *file, tables *t, fr_vocab *v, fr_err *err)
{
    static const char KEY[] = "frugal.tokenizer.patterns";
    fr_str text;
    if (!fr_gguf_array(file, KEY, &v->n_patterns))
        return 0;
    if (v->n_patterns > FR_HF_PATTERNS_MOST)
        return wrong(file, KEY, "an array of at most six texts", err);
    for (size_t i = 0; i < v->n_patterns; i++) {
        if (!fr_gguf_array_str(file, KEY, i, &text))
            return wrong(file, KEY, "an array of texts", err);
        t->patterns[i] = fr_str_dup(text);
    }
    v->patterns = (const char *const *)t->patterns;
    fr_gguf_get_bool(file, "frugal.tokenizer.whole_words", &v->whole_words);
    return 0;
}

static int read_strips(const fr_gguf *file, const char *key, uint8_t bit, tables *t,
                       size_t n_tokens, fr_err *err)
{
    size_t n = 0;
    int64_t id;
    if (!fr_gguf_array(file, key, &n) || n == 0)
        return 0;
    if (t->strips == NULL)
        t->strips = FR_NEW_N(uint8_t, n_tokens);
    for (size_t i = 0; i < n; i++) {
        if (!fr_gguf_array_i64(file, key, i, &id) || id < 0 || (uint64_t)id >= n_tokens)
            return wrong(file, key, "an array of token ids", err);
        t->strips[id] |= bit;
    }
    return 0;
}

static int read_own(const fr_gguf *file, tables *t, fr_vocab *v, fr_err *err)
{
    fr_str normalizer;
    if (fr_gguf_get_str(file, "frugal.tokenizer.normalizer", &normalizer))
        t->normalizer = fr_str_dup(normalizer);
    fr_gguf_get_bool(file, "frugal.tokenizer.prefix_once", &v->prefix_once);
    fr_gguf_get_bool(file, "frugal.tokenizer.prefix_if_none", &v->prefix_if_none);
    fr_gguf_get_bool(file, "frugal.tokenizer.white_is_blank", &v->white_is_blank);
    fr_gguf_get_bool(file, "frugal.tokenizer.sums_in_f64", &v->sums_in_f64);
    FR_TRY(read_patterns(file, t, v, err));
    FR_TRY(read_strips(file, "frugal.tokenizer.strip_left", FR_STRIP_LEFT, t, v->n, err));
    FR_TRY(read_strips(file, "frugal.tokenizer.strip_right", FR_STRIP_RIGHT, t, v->n, err));
    v->normalizer = t->normalizer;
    v->strips = t->strips;
    return 0;
}

int fr_vocab_read(const fr_gguf *file, size_t n_vocab, fr_tokenizer **out, fr_err *err)
{
    FR_AUTO(tables) t = { 0 };
    fr_vocab v = { 0 };
    fr_str pre;
    FR_TRY(read_kind(file, &v, err));
    FR_TRY(read_strings(file, "tokenizer.ggml.tokens", &t.tokens, &v.n, err));
    if (v.n != n_vocab)
        return fr_fail(err, FR_E_FORMAT, "Model and tokenizer do not belong together.",
                       "'%s': the vocabulary has %zu tokens, but 'token_embd.weight' has %zu rows",
                       fr_gguf_path(file), v.n, n_vocab);
    FR_TRY(read_scores(file, v.n, &t.scores, err));
    FR_TRY(read_types(file, v.n, &t.types, err));
    size_t n_merges;
    if (v.kind == FR_VOCAB_BPE || fr_gguf_array(file, "tokenizer.ggml.merges", &n_merges))
        FR_TRY(read_strings(file, "tokenizer.ggml.merges", &t.merges, &v.n_merges, err));
    FR_TRY(read_own(file, &t, &v, err));
    if (fr_gguf_get_str(file, "tokenizer.ggml.pre", &pre))
        t.pre = fr_str_dup(pre);
    FR_TRY(read_id(file, "tokenizer.ggml.bos_token_id", v.n, &v.bos, err));
    FR_TRY(read_id(file, "tokenizer.ggml.eos_token_id", v.n, &v.eos, err));
    FR_TRY(read_id(file, "tokenizer.ggml.unknown_token_id", v.n, &v.unk, err));
    FR_TRY(read_id(file, "tokenizer.ggml.padding_token_id", v.n, &v.pad, err));
    set_defaults(&v);
    fr_gguf_get_bool(file, "tokenizer.ggml.add_bos_token", &v.add_bos);
    fr_gguf_get_bool(file, "tokenizer.ggml.add_eos_token", &v.add_eos);
    fr_gguf_get_bool(file, "tokenizer.ggml.add_space_prefix", &v.add_space_prefix);
    bool trimmed = true;
    fr_gguf_get_bool(file, "tokenizer.ggml.remove_extra_whitespaces", &trimmed);
    v.keep_whitespace = !trimmed;
    if (v.kind == FR_VOCAB_UNIGRAM)
        FR_TRY(read_charsmap(file, &t.charsmap, &v.n_charsmap, err));
    v.charsmap = t.charsmap;
    v.tokens = t.tokens;
    v.merges = t.merges;
    v.scores = t.scores;
    v.types = t.types;
    v.pre = t.pre;
    if (v.kind == FR_VOCAB_WORDPIECE)
        FR_TRY(read_bert(file, &v, err));
    fr_gguf_get_bool(file, "frugal.tokenizer.keep_case", &v.keep_case);
    fr_gguf_get_bool(file, "frugal.tokenizer.keep_accents", &v.keep_accents);
    return fr_tokenizer_new(&v, out, err) != 0 ? fr_err_within(err, "'%s'", fr_gguf_path(file)) : 0;
}

/* tokenizer.json as it is, or the folder it lies in. */
static int open_hf(const char *path, bool folder, fr_tokenizer **out, fr_err *err)
{
    FR_AUTO(fr_hf_vocab) vocab = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    if (folder) {
        FR_TRY(fr_hf_vocab_read(path, NULL, 0, &vocab, err));
    } else {
        FR_TRY(fr_file_read(path, (size_t)256 << 20, &text, err));
        if (fr_hf_vocab_parse(fr_buf_text(&text), text.n, &vocab, err) != 0)
            return fr_err_within(err, "'%s'", path);
    }
    return fr_hf_vocab_tokenizer(&vocab, out, err) != 0 ? fr_err_within(err, "'%s'", path) : 0;
}

int fr_model_vocab_open(const char *path, fr_tokenizer **out, fr_err *err)
{
    const bool folder = fr_dir_exists(path);
    if (folder || fr_str_ends(fr_str_of(path), FR_STR(".json")))
        return open_hf(path, folder, out, err);
    FR_AUTOPTR(fr_gguf) file = NULL;
    FR_TRY(fr_gguf_open(path, &file, err));
    size_t n = 0;
    if (!fr_gguf_array(file, "tokenizer.ggml.tokens", &n))
        return fr_fail(err, FR_E_FORMAT, "Take a model file that carries its tokenizer.",
                       "'%s' has no tokenizer", path);
    return fr_vocab_read(file, n, out, err);
}
