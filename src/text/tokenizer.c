/* What all kinds share: the tables, the tokens that are looked for in text before any merging,
 * and the way back to text. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "text/text_priv.h"
#include "text/utf8.h"

/* U+2581, SentencePiece's visible space. */
static const fr_str SPM_SPACE = { "\xE2\x96\x81", 3 };
/* What SentencePiece writes for a token that is not known. */
static const fr_str SPM_UNKNOWN = { " \xE2\x81\x87 ", 5 };

int32_t fr_tokenizer_find(const fr_tokenizer *t, fr_str raw)
{
    for (size_t i = fr_hash64(raw.at, raw.n, 0) & t->slot_mask;; i = (i + 1) & t->slot_mask) {
        int32_t id = t->slots[i];
        if (id < 0 || fr_str_equal(t->raw[id], raw))
            return id;
    }
}

/* The first of two tokens of one text keeps it. */
static void index_tokens(fr_tokenizer *t)
{
    size_t slots = 16;
    while (slots < t->n * 2)
        slots *= 2;
    t->slots = FR_NEW_N(int32_t, slots);
    t->slot_mask = slots - 1;
    memset(t->slots, 0xFF, slots * sizeof(*t->slots));
    for (size_t id = 0; id < t->n; id++) {
        fr_str raw = t->raw[id];
        size_t i = fr_hash64(raw.at, raw.n, 0) & t->slot_mask;
        while (t->slots[i] >= 0 && !fr_str_equal(t->raw[t->slots[i]], raw))
            i = (i + 1) & t->slot_mask;
        if (t->slots[i] < 0)
            t->slots[i] = (int32_t)id;
    }
}

/* "<0x0A>" gives 10; -1 for what is no byte token. */
static int byte_of_spm(fr_str raw)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    if (raw.n != 6 || memcmp(raw.at, "<0x", 3) != 0 || raw.at[5] != '>')
        return -1;
    const char *high = memchr(DIGITS, raw.at[3], 16), *low = memchr(DIGITS, raw.at[4], 16);
    return high == NULL || low == NULL ? -1 : (int)((high - DIGITS) * 16 + (low - DIGITS));
}

/* The text of a token; never longer than what is in the file, but for the unknown one. */
static size_t piece_bpe(fr_str raw, char *out)
{
    size_t n = 0, step = 0;
    for (size_t i = 0; i < raw.n; i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ raw.at + i, raw.n - i }, &c);
        int byte = step == 1 && c == 0xFFFD ? -1 : fr_byte_of_char(c);
        if (byte >= 0) {
            out[n++] = (char)byte;
        } else {
            memcpy(out + n, raw.at + i, step);
            n += step;
        }
    }
    return n;
}

static size_t piece_spm(fr_str raw, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < raw.n;) {
        if (fr_str_starts((fr_str){ raw.at + i, raw.n - i }, SPM_SPACE)) {
            out[n++] = ' ';
            i += SPM_SPACE.n;
        } else {
            out[n++] = raw.at[i++];
        }
    }
    return n;
}

static bool is_sentencepiece(const fr_tokenizer *t)
{
    return t->kind == FR_VOCAB_SPM || t->kind == FR_VOCAB_UNIGRAM;
}

static size_t write_piece(const fr_tokenizer *t, int32_t id, bool by_insides, char *out)
{
    fr_str raw = t->raw[id];
    uint8_t type = t->types[id];
    if (type == FR_TOKEN_UNKNOWN && is_sentencepiece(t)) {
        memcpy(out, SPM_UNKNOWN.at, SPM_UNKNOWN.n);
        return SPM_UNKNOWN.n;
    }
    int byte = type == FR_TOKEN_BYTE ? byte_of_spm(raw) : -1;
    if (byte >= 0) {
        out[0] = (char)byte;
        return 1;
    }
    bool plain = type != FR_TOKEN_CONTROL && type != FR_TOKEN_UNKNOWN;
    if (plain && is_sentencepiece(t))
        return piece_spm(raw, out);
    if (plain && t->kind == FR_VOCAB_WORDPIECE && type != FR_TOKEN_USER)
        return fr_wordpiece_piece(by_insides, raw, out);
    if (plain && t->kind == FR_VOCAB_BPE && type != FR_TOKEN_USER)
        return piece_bpe(raw, out);
    memcpy(out, raw.at, raw.n);
    return raw.n;
}

static void copy_tokens(fr_tokenizer *t, const fr_vocab *vocab)
{
    size_t bytes = 0;
    for (size_t i = 0; i < t->n; i++)
        bytes += vocab->tokens[i].n * 2 + SPM_UNKNOWN.n;
    t->memory = FR_NEW_N(char, bytes);
    t->raw = FR_NEW_N(fr_str, t->n);
    t->pieces = FR_NEW_N(fr_str, t->n);
    char *at = t->memory;
    for (size_t i = 0; i < t->n; i++) {
        fr_str from = vocab->tokens[i];
        if (from.n > 0)
            memcpy(at, from.at, from.n);
        t->raw[i] = (fr_str){ at, from.n };
        at += from.n;
    }
    const bool by_insides = fr_wordpiece_marks_insides(t);
    for (size_t i = 0; i < t->n; i++) {
        size_t n = write_piece(t, (int32_t)i, by_insides, at);
        t->pieces[i] = (fr_str){ at, n };
        at += n;
    }
}

static void find_bytes(fr_tokenizer *t)
{
    memset(t->byte_ids, 0xFF, sizeof(t->byte_ids));
    if (t->kind == FR_VOCAB_BPE) {
        for (int byte = 0; byte < 256; byte++) {
            char c[4];
            size_t n = fr_utf8_put(fr_byte_char((uint8_t)byte), c);
            t->byte_ids[byte] = fr_tokenizer_find(t, (fr_str){ c, n });
        }
        return;
    }
    for (size_t i = t->n; i-- > 0;) {
        int byte = t->types[i] == FR_TOKEN_BYTE ? byte_of_spm(t->raw[i]) : -1;
        if (byte >= 0)
            t->byte_ids[byte] = (int32_t)i;
        t->has_bytes |= byte >= 0;
    }
}

/* ---- tokens that are looked for in text ----------------------------------------------------- */

static bool is_special(const fr_tokenizer *t, size_t id)
{
    uint8_t type = t->types[id];
    return t->raw[id].n > 0 &&
           (type == FR_TOKEN_CONTROL || type == FR_TOKEN_UNKNOWN || type == FR_TOKEN_USER);
}

static int by_first_byte_then_longest(const void *a, const void *b, void *tokenizer)
{
    const fr_tokenizer *t = tokenizer;
    int32_t ia = *(const int32_t *)a, ib = *(const int32_t *)b;
    fr_str ra = t->raw[ia], rb = t->raw[ib];
    if (ra.at[0] != rb.at[0])
        return (unsigned char)ra.at[0] < (unsigned char)rb.at[0] ? -1 : 1;
    if (ra.n != rb.n)
        return ra.n > rb.n ? -1 : 1;
    return ia < ib ? -1 : ia > ib;
}

static void index_special(fr_tokenizer *t)
{
    for (size_t i = 0; i < t->n; i++)
        t->n_special += is_special(t, i);
    t->special = FR_NEW_N(int32_t, t->n_special);
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (is_special(t, i))
            t->special[n++] = (int32_t)i;
    }
    qsort_r(t->special, n, sizeof(*t->special), by_first_byte_then_longest, t);
    size_t at = 0;
    for (unsigned first = 0; first < 256; first++) {
        t->special_from[first] = (uint32_t)at;
        while (at < n && (unsigned char)t->raw[t->special[at]].at[0] == first)
            at++;
    }
    t->special_from[256] = (uint32_t)n;
}

/* The longest token written out at the start of text; -1: none. Only the user's own tokens unless
 * control tokens are to be recognized too. */
static int32_t special_at(const fr_tokenizer *t, fr_str text, bool control)
{
    unsigned char first = (unsigned char)text.at[0];
    for (uint32_t i = t->special_from[first]; i < t->special_from[first + 1u]; i++) {
        int32_t id = t->special[i];
        if ((control || t->types[id] == FR_TOKEN_USER) && fr_str_starts(text, t->raw[id]))
            return id;
    }
    return -1;
}

/* ---- the object ------------------------------------------------------------------------------ */

static int check_vocab(const fr_vocab *v, fr_err *err)
{
    static const char *const HINT = "The model file is damaged, or not made for this program.";
    if (v->kind <= FR_VOCAB_NONE || v->kind > FR_VOCAB_UNIGRAM)
        return fr_fail(err, FR_E_UNSUPPORTED,
                       "Byte-level BPE, SentencePiece BPE, WordPiece and Unigram are known.",
                       "the vocabulary is of an unknown kind");
    if (v->n == 0 || v->tokens == NULL || v->n > INT32_MAX / 4)
        return fr_fail(err, FR_E_FORMAT, HINT, "the vocabulary has %zu tokens", v->n);
    if ((v->kind == FR_VOCAB_SPM || v->kind == FR_VOCAB_UNIGRAM) && v->scores == NULL)
        return fr_fail(err, FR_E_FORMAT, HINT, "the SentencePiece vocabulary has no scores");
    if (v->normalizer != NULL)
        FR_TRY(fr_normal_form_check(v->normalizer, err));
    size_t bytes = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (v->tokens[i].n > 1u << 20 || (bytes += v->tokens[i].n) > 1u << 30)
            return fr_fail(err, FR_E_FORMAT, HINT, "token %zu of the vocabulary has %zu bytes", i,
                           v->tokens[i].n);
    }
    const struct {
        const char *name;
        int32_t id;
    } NAMED[] = {
        { "BOS", v->bos }, { "EOS", v->eos }, { "unknown", v->unk }, { "padding", v->pad }
    };
    for (size_t i = 0; i < FR_COUNT_OF(NAMED); i++) {
        if (NAMED[i].id < -1 || NAMED[i].id >= (int32_t)v->n)
            return fr_fail(err, FR_E_FORMAT, HINT, "the %s token is %d, but the vocabulary has %zu",
                           NAMED[i].name, NAMED[i].id, v->n);
    }
    return 0;
}

static void copy_types(fr_tokenizer *t, const fr_vocab *vocab)
{
    t->types = FR_NEW_N(uint8_t, t->n);
    for (size_t i = 0; i < t->n; i++) {
        uint8_t type = vocab->types != NULL ? vocab->types[i] : FR_TOKEN_NORMAL;
        t->types[i] = type > FR_TOKEN_BYTE ? FR_TOKEN_NORMAL : type;
        t->has_unused |= type == FR_TOKEN_UNUSED;
    }
}

int fr_tokenizer_new(const fr_vocab *vocab, fr_tokenizer **out, fr_err *err)
{
    FR_TRY(check_vocab(vocab, err));
    FR_AUTOPTR(fr_tokenizer) t = FR_NEW(fr_tokenizer);
    t->kind = vocab->kind;
    t->n = vocab->n;
    t->bos = vocab->bos;
    t->eos = vocab->eos;
    t->unk = vocab->unk;
    t->pad = vocab->pad;
    t->add_bos = vocab->add_bos && vocab->bos >= 0;
    t->add_eos = vocab->add_eos && vocab->eos >= 0;
    t->add_space_prefix = vocab->add_space_prefix;
    t->keep_case = vocab->keep_case;
    t->keep_accents = vocab->keep_accents;
    t->keep_whitespace = vocab->keep_whitespace;
    t->white_is_blank = vocab->white_is_blank;
    t->sums_in_f64 = vocab->sums_in_f64;
    t->prefix_once = vocab->prefix_once;
    t->prefix_if_none = vocab->prefix_if_none;
    t->normalizer = fr_dup(vocab->normalizer);
    copy_types(t, vocab);
    copy_tokens(t, vocab);
    if (vocab->scores != NULL) {
        t->scores = FR_NEW_N(float, t->n);
        memcpy(t->scores, vocab->scores, t->n * sizeof(float));
    }
    if (vocab->strips != NULL) {
        t->strips = FR_NEW_N(uint8_t, t->n);
        memcpy(t->strips, vocab->strips, t->n);
    }
    index_tokens(t);
    find_bytes(t);
    index_special(t);
    if (t->kind == FR_VOCAB_BPE)
        FR_TRY(fr_bpe_prepare(t, vocab, err));
    if (t->kind == FR_VOCAB_SPM && vocab->n_merges > 0)
        FR_TRY(fr_merges_prepare(t, vocab, err));
    if (t->kind == FR_VOCAB_WORDPIECE)
        fr_wordpiece_prepare(t);
    if (t->kind == FR_VOCAB_UNIGRAM)
        FR_TRY(fr_unigram_prepare(t, vocab, err));
    *out = t;
    t = NULL;
    return 0;
}

void fr_tokenizer_free(fr_tokenizer *t)
{
    if (t == NULL)
        return;
    fr_pretokens_free(t->pre);
    fr_trie_free(t->tries[0]);
    fr_trie_free(t->tries[1]);
    fr_charsmap_free(t->charsmap);
    free(t->memory);
    free(t->raw);
    free(t->pieces);
    free(t->scores);
    free(t->types);
    free(t->slots);
    free(t->merges);
    free(t->special);
    free(t->normalizer);
    free(t->strips);
    free(t);
}

size_t fr_space_at(fr_str text)
{
    uint32_t c = 0;
    size_t step = text.n > 0 ? fr_utf8_next(text, &c) : 0;
    bool space = c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
                 (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
                 c == 0x205F || c == 0x3000;
    return space ? step : 0;
}

static fr_str without_space_behind(fr_str text)
{
    for (;;) {
        size_t start = text.n;
        while (start > 0 && start + 3 > text.n &&
               ((unsigned char)text.at[start - 1] & 0xC0) == 0x80)
            start--;
        if (start == 0)
            return text;
        start--; /* the last character's first byte */
        fr_str last = { text.at + start, text.n - start };
        if (fr_space_at(last) != last.n)
            return text;
        text.n = start;
    }
}

static int encode_normal(const fr_tokenizer *t, fr_str text, bool line_start, fr_ids *ids,
                         fr_err *err)
{
    const bool has_one = text.at[0] == ' ' || fr_str_starts(text, SPM_SPACE);
    const bool prefixed_by_one =
        line_start && t->add_space_prefix && !(t->prefix_if_none && has_one);
    if (t->kind == FR_VOCAB_WORDPIECE)
        return fr_wordpiece_encode(t, text, ids, err);
    if (t->kind == FR_VOCAB_UNIGRAM) /* looks for one in the normalized text itself */
        return fr_unigram_encode(t, text, line_start && t->add_space_prefix, ids, err);
    if (t->kind == FR_VOCAB_SPM)
        return fr_spm_encode(t, text, prefixed_by_one, ids, err);
    if (!prefixed_by_one || text.at[0] == ' ')
        return fr_bpe_encode(t, text, ids, err);
    FR_AUTO(fr_buf) prefixed = { .limit_bytes = (size_t)3 << 30 };
    fr_buf_put_c(&prefixed, ' ');
    fr_buf_put_str(&prefixed, text);
    return fr_bpe_encode(t, fr_buf_str(&prefixed), ids, err);
}

static int encode_plain(const fr_tokenizer *t, fr_str text, bool line_start, fr_ids *ids,
                        fr_err *err)
{
    FR_AUTO(fr_buf) normal = { .limit_bytes = (size_t)3 << 30 };
    if (text.n == 0)
        return 0;
    if (t->normalizer != NULL && fr_normal_form(t->normalizer, text, &normal)) {
        if (normal.full)
            return fr_fail(err, FR_E_LIMIT, "Break it into smaller files.",
                           "the text has more than 3 GiB in its normal form");
        text = fr_buf_str(&normal);
    }
    return text.n == 0 ? 0 : encode_normal(t, text, line_start, ids, err);
}

int fr_tokenizer_encode(const fr_tokenizer *t, fr_str text, int flags, fr_ids *ids, fr_err *err)
{
    if (text.n > 1u << 30)
        return fr_fail(err, FR_E_LIMIT, "Break it into files of at most 1 GiB.",
                       "the text has %zu bytes, more than 1 GiB", text.n);
    if ((flags & FR_ENCODE_BOS) != 0 && t->add_bos)
        fr_ids_put(ids, t->bos);
    size_t from = 0;
    /* at the start, and after each special token */
    bool line_start = (flags & FR_ENCODE_CONTINUES) == 0;
    for (size_t i = 0; t->n_special > 0 && i < text.n;) {
        int32_t id =
            special_at(t, (fr_str){ text.at + i, text.n - i }, (flags & FR_ENCODE_SPECIAL) != 0);
        if (id < 0) {
            i++;
            continue;
        }
        const int strip = t->strips != NULL ? t->strips[id] : 0;
        fr_str before = { text.at + from, i - from };
        if ((strip & FR_STRIP_LEFT) != 0)
            before = without_space_behind(before);
        FR_TRY(encode_plain(t, before, line_start, ids, err));
        fr_ids_put(ids, id);
        i += t->raw[id].n;
        for (size_t space = 1; (strip & FR_STRIP_RIGHT) != 0 && space != 0; i += space)
            space = fr_space_at((fr_str){ text.at + i, text.n - i });
        from = i;
        line_start = !t->prefix_once;
    }
    FR_TRY(encode_plain(t, (fr_str){ text.at + from, text.n - from }, line_start, ids, err));
    if ((flags & FR_ENCODE_BOS) != 0 && t->add_eos)
        fr_ids_put(ids, t->eos);
    return 0;
}

void fr_tokenizer_decode(const fr_tokenizer *t, const int32_t *ids, size_t n, bool special,
                         fr_buf *out)
{
    bool drop_space = t->kind == FR_VOCAB_WORDPIECE || (is_sentencepiece(t) && t->add_space_prefix);
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= t->n)
            continue;
        fr_str piece = t->pieces[ids[i]];
        if (fr_tokenizer_is_control(t, ids[i])) {
            if (special)
                fr_buf_put_str(out, piece);
            continue;
        }
        if (drop_space && t->types[ids[i]] == FR_TOKEN_NORMAL && piece.n > 0 && piece.at[0] == ' ')
            piece = (fr_str){ piece.at + 1, piece.n - 1 };
        drop_space = false;
        fr_buf_put_str(out, piece);
    }
}

fr_str fr_tokenizer_piece(const fr_tokenizer *t, int32_t id)
{
    return id < 0 || (size_t)id >= t->n ? (fr_str){ "", 0 } : t->pieces[id];
}

bool fr_tokenizer_is_control(const fr_tokenizer *t, int32_t id)
{
    return id >= 0 && (size_t)id < t->n && t->types[id] == FR_TOKEN_CONTROL;
}

size_t fr_tokenizer_n_vocab(const fr_tokenizer *t)
{
    return t->n;
}

int32_t fr_tokenizer_bos(const fr_tokenizer *t)
{
    return t->bos;
}

int32_t fr_tokenizer_eos(const fr_tokenizer *t)
{
    return t->eos;
}

bool fr_tokenizer_adds_bos(const fr_tokenizer *t)
{
    return t->add_bos;
}

bool fr_tokenizer_adds_eos(const fr_tokenizer *t)
{
    return t->add_eos;
}
