/* hf_unigram.c: a Unigram vocabulary in tokenizer.json (T5, mT5, XLM-R). SentencePiece's steps are
 * written there as steps of the library; those sequences are read that come out as one of ours: a
 * table of replaced characters, then runs of blanks made one and those at both ends dropped, or all
 * of them kept. */
#include <math.h>
#include <string.h>
#include "base/mem.h"
#include "model/hf_vocab_priv.h"

static const char SPACE[] = "\xE2\x96\x81"; /* U+2581 */

static int wrong(const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "The file is damaged: fetch it again.", "tokenizer.json: %s",
                   what);
}

static int refuse(const char *what, const char *which, fr_err *err)
{
    return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                   "tokenizer.json: %s%s%.60s%s of a Unigram vocabulary is not supported", what,
                   which != NULL ? " '" : "", which != NULL ? which : "", which != NULL ? "'" : "");
}

static const char *type_of(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    return type != NULL ? type : "?";
}

static bool is(const json_t *part, const char *type)
{
    return strcmp(type_of(part), type) == 0;
}

static bool text_is(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* ---- normalizers ----------------------------------------------------------------------------- */

static int read_base64(const json_t *text, fr_buf *out, fr_err *err)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int n_bits = 0;
    for (const char *at = json_string_value(text); at != NULL && *at != '\0' && *at != '='; at++) {
        const char *digit = strchr(DIGITS, *at);
        if (digit == NULL)
            return wrong("its table of replaced characters is not base64", err);
        bits = bits << 6 | (uint32_t)(digit - DIGITS);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            fr_buf_put_c(out, (char)(bits >> n_bits & 0xFF));
        }
    }
    return out->n > 0 || json_is_null(text)
               ? 0
               : wrong("its table of replaced characters is empty", err);
}

/* What the steps do to blanks. */
typedef struct {
    bool strips;  /* dropped at the end */
    bool joins;   /* a run of them becomes one U+2581 */
    bool cut;     /* words are cut out at white space of every kind */
    bool by_mark; /* each U+2581 begins a word of its own */
} blanks;

static int read_step(fr_hf_vocab *v, const json_t *step, blanks *b, fr_err *err)
{
    const json_t *pattern = json_object_get(step, "pattern");
    if (is(step, "Precompiled") && v->charsmap.n == 0 && !b->strips && !b->joins)
        return read_base64(json_object_get(step, "precompiled_charsmap"), &v->charsmap, err);
    if (is(step, "Strip") && !json_is_true(json_object_get(step, "strip_left")) &&
        json_is_true(json_object_get(step, "strip_right")) && v->charsmap.n > 0) {
        b->strips = true;
        return 0;
    }
    if (is(step, "Replace") && text_is(json_object_get(pattern, "Regex"), " {2,}") &&
        text_is(json_object_get(step, "content"), b->strips ? SPACE : " ")) {
        b->joins = true;
        return 0;
    }
    return refuse("the normalizer", type_of(step), err);
}

static int read_normalizer(fr_hf_vocab *v, const json_t *normalizer, blanks *b, fr_err *err)
{
    size_t i;
    json_t *step;
    if (normalizer == NULL || json_is_null(normalizer))
        return 0;
    if (!is(normalizer, "Sequence"))
        return read_step(v, normalizer, b, err);
    json_array_foreach(json_object_get(normalizer, "normalizers"), i, step)
        FR_TRY(read_step(v, step, b, err));
    return 0;
}

/* ---- pre-tokenizers -------------------------------------------------------------------------- */

static int read_metaspace(fr_hf_vocab *v, const json_t *pre, blanks *b, fr_err *err)
{
    const json_t *scheme = json_object_get(pre, "prepend_scheme");
    const json_t *prefix = json_object_get(pre, "add_prefix_space");
    if (!is(pre, "Metaspace"))
        return refuse("the pre-tokenizer", type_of(pre), err);
    if (!text_is(json_object_get(pre, "replacement"), SPACE))
        return refuse("a visible space that is not U+2581", NULL, err);
    v->add_space_prefix =
        json_is_string(scheme) ? !text_is(scheme, "never") : prefix == NULL || json_is_true(prefix);
    v->prefix_once = text_is(scheme, "first");
    v->prefix_if_none = true;
    b->by_mark = !json_is_false(json_object_get(pre, "split"));
    if (b->cut && (!v->add_space_prefix || v->prefix_once))
        return refuse("words that are not all marked (WhitespaceSplit)", NULL, err);
    return 0;
}

static int read_pre(fr_hf_vocab *v, const json_t *pre, blanks *b, fr_err *err)
{
    const json_t *list = json_object_get(pre, "pretokenizers");
    if (!is(pre, "Sequence"))
        return read_metaspace(v, pre, b, err);
    b->cut = is(json_array_get(list, 0), "WhitespaceSplit");
    if (json_array_size(list) != (b->cut ? 2u : 1u))
        return refuse("this sequence of pre-tokenizers", NULL, err);
    return read_metaspace(v, json_array_get(list, b->cut), b, err);
}

int hf_unigram_read(fr_hf_vocab *v, const json_t *root, fr_err *err)
{
    blanks b = { 0 };
    v->kind = FR_VOCAB_UNIGRAM;
    FR_TRY(read_normalizer(v, json_object_get(root, "normalizer"), &b, err));
    FR_TRY(read_pre(v, json_object_get(root, "pre_tokenizer"), &b, err));
    if (!b.cut && b.strips != b.joins)
        return refuse("a blank that stays at the end while runs become one", NULL, err);
    v->white_is_blank = b.cut;
    v->keep_whitespace = !b.cut && !b.joins;
    v->by_mark = b.by_mark;
    return 0;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

/* Where words are cut before each U+2581, a piece that has one inside is never found. */
static bool is_reachable(const fr_hf_vocab *v, fr_str piece)
{
    size_t at;
    return !v->by_mark || piece.n < 1 ||
           !fr_str_find((fr_str){ piece.at + 1, piece.n - 1 }, fr_str_of(SPACE), &at);
}

int hf_unigram_pieces(fr_hf_vocab *v, const json_t *model, fr_err *err)
{
    const json_t *vocab = json_object_get(model, "vocab");
    const bool bytes = json_is_true(json_object_get(model, "byte_fallback"));
    size_t i;
    json_t *row;
    if (!json_is_array(vocab) || json_array_size(vocab) > v->n)
        return wrong("its vocabulary is no list", err);
    v->scores = FR_NEW_N(float, v->n);
    json_array_foreach((json_t *)vocab, i, row)
    {
        const json_t *text = json_array_get(row, 0), *score = json_array_get(row, 1);
        if (!json_is_string(text) || !json_is_number(score) ||
            !isfinite((float)json_number_value(score)))
            return wrong("a piece is not a text and its score", err);
        const fr_str piece = { json_string_value(text), json_string_length(text) };
        const bool byte =
            bytes && piece.n == 6 && fr_str_starts(piece, FR_STR("<0x")) && piece.at[5] == '>';
        v->tokens[i] = piece;
        v->scores[i] = (float)json_number_value(score);
        v->types[i] = byte                     ? FR_TOKEN_BYTE
                      : is_reachable(v, piece) ? FR_TOKEN_NORMAL
                                               : FR_TOKEN_UNUSED;
    }
    return 0;
}

int hf_unigram_unknown(fr_hf_vocab *v, const json_t *model, fr_err *err)
{
    const json_t *id = json_object_get(model, "unk_id");
    if (!json_is_integer(id))
        return refuse("no token for what is not known", NULL, err);
    if (json_integer_value(id) < 0 || json_integer_value(id) >= (json_int_t)v->n)
        return wrong("its unknown token is none of its pieces", err);
    v->special[FR_HF_UNK] = (int32_t)json_integer_value(id);
    if (v->by_mark && hf_vocab_find(v, SPACE) < 0)
        return refuse("words without a piece U+2581", NULL, err);
    return 0;
}
