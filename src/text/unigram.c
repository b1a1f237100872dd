/* Unigram (Kudo 2018, arXiv:1804.10959) as SentencePiece has it: the text is normalized (a table of
 * replaced characters, runs of blanks made one, blanks as U+2581, one put in front), and cut into
 * those pieces whose scores sum to the most, found in one pass over its characters. A character
 * that no piece covers costs 10 more than the worst piece; it is written as its bytes, or a run of
 * such as one unknown token where the vocabulary has no byte tokens.
 *
 * Scores are added in the precision that SentencePiece adds them in, F32, or HF tokenizers, F64: of
 * ways that are as good as each other it is their rounding that decides. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "text/text_priv.h"
#include "text/utf8.h"

static const float UNKNOWN_COST = 10;
static const fr_str SPACE = { "\xE2\x96\x81", 3 };

/* The best way to an end: where its last piece begins, and what all of it sums to. */
typedef struct {
    int32_t from, id; /* from -1: no way yet; id -1: no piece */
    double score;
} way;

int fr_unigram_prepare(fr_tokenizer *t, const fr_vocab *vocab, fr_err *err)
{
    fr_trie_text *texts = FR_NEW_N(fr_trie_text, t->n);
    size_t n = 0;
    float worst = INFINITY;
    bool finite = true;
    for (size_t i = 0; i < t->n; i++) {
        const uint8_t type = t->types[i];
        finite &= isfinite(t->scores[i]) != 0;
        if (type != FR_TOKEN_NORMAL && type != FR_TOKEN_NONE && type != FR_TOKEN_USER)
            continue;
        if (type != FR_TOKEN_USER)
            worst = fminf(worst, t->scores[i]);
        if (t->raw[i].n > 0)
            texts[n++] = (fr_trie_text){ t->raw[i], (int32_t)i };
    }
    const double lowest = isfinite(worst) ? (double)worst : 0;
    t->unknown_score = lowest - (double)UNKNOWN_COST;
    if (!t->sums_in_f64)
        t->unknown_score = (double)(float)t->unknown_score;
    t->tries[0] = fr_trie_new(texts, n);
    free(texts);
    if (!finite)
        return fr_fail(err, FR_E_FORMAT, "The model file is damaged.",
                       "a score of the vocabulary is no number");
    return vocab->n_charsmap > 0
               ? fr_charsmap_new(vocab->charsmap, vocab->n_charsmap, &t->charsmap, err)
               : 0;
}

/* ---- normalizing ----------------------------------------------------------------------------- */

/* What the start of a text becomes; returns its bytes. */
static size_t next_normal(const fr_tokenizer *t, fr_str text, fr_str *out)
{
    uint32_t c = 0;
    size_t n = t->charsmap != NULL ? fr_charsmap_longest(t->charsmap, text, out) : 0;
    if (n == 0) {
        n = fr_utf8_next(text, &c);
        *out = c == 0xFFFD && n == 1 ? FR_STR("\xEF\xBF\xBD") : (fr_str){ text.at, n };
    }
    if (t->white_is_blank && out->n > 0 && fr_space_at(*out) == out->n)
        *out = FR_STR(" ");
    return n;
}

static bool ends_blank(const fr_buf *b)
{
    return b->n >= SPACE.n && fr_str_equal((fr_str){ b->at + b->n - SPACE.n, SPACE.n }, SPACE);
}

static void normalize(const fr_tokenizer *t, fr_str text, bool space_prefix, fr_buf *out)
{
    const bool trimmed = !t->keep_whitespace;
    bool after_blank = trimmed, begun = false;
    size_t solid = 0; /* where blanks begin that end the text so far */
    fr_str part = { "", 0 };
    for (size_t i = 0, step = 0; i < text.n; i += step) {
        step = next_normal(t, (fr_str){ text.at + i, text.n - i }, &part);
        if (trimmed && !begun && fr_str_is(part, " "))
            continue;
        const bool visible = t->prefix_if_none && fr_str_starts(part, SPACE);
        const bool has_one =
            visible || (t->prefix_if_none && !trimmed && fr_str_starts(part, FR_STR(" ")));
        if (!begun && space_prefix && !has_one)
            fr_buf_put_str(out, SPACE);
        begun = true;
        if (visible && trimmed) /* stands for the blank before it */
            out->n = FR_MIN(out->n, solid);
        size_t from = 0;
        while (after_blank && from < part.n && part.at[from] == ' ')
            from++;
        for (size_t k = from; k < part.n; k++)
            if (part.at[k] == ' ')
                fr_buf_put_str(out, SPACE);
            else
                fr_buf_put_c(out, part.at[k]);
        if (from < part.n)
            after_blank = trimmed && part.at[part.n - 1] == ' ';
        if (from < part.n && part.at[part.n - 1] != ' ')
            solid = out->n;
    }
    if (trimmed && t->prefix_if_none)
        out->n = FR_MIN(out->n, solid);
    while (trimmed && !t->prefix_if_none && ends_blank(out))
        out->n -= SPACE.n;
}

/* ---- the best way ---------------------------------------------------------------------------- */

static void offer(const fr_tokenizer *t, way *to, int32_t from, int32_t id, double score)
{
    if (!t->sums_in_f64)
        score = (double)(float)score;
    if (to->from < 0 || score > to->score)
        *to = (way){ from, id, score };
}

static void find_ways(const fr_tokenizer *t, fr_str text, way *ways)
{
    for (size_t from = 0, step = 0; from < text.n; from += step) {
        uint32_t c = 0, at = 0;
        int32_t id = -1;
        bool covered = false;
        const double so_far = ways[from].score;
        step = fr_utf8_next((fr_str){ text.at + from, text.n - from }, &c);
        for (size_t i = from;
             i < text.n && (at = fr_trie_step(t->tries[0], at, text.at[i], &id)) != 0; i++) {
            if (id < 0)
                continue;
            offer(t, &ways[i + 1], (int32_t)from, id, (double)t->scores[id] + so_far);
            covered |= i + 1 - from == step;
        }
        if (!covered)
            offer(t, &ways[from + step], (int32_t)from, -1, t->unknown_score + so_far);
    }
}

static void put_unknown(const fr_tokenizer *t, fr_str piece, bool after_unknown, fr_ids *ids)
{
    for (size_t i = 0; t->has_bytes && i < piece.n; i++)
        if (t->byte_ids[(unsigned char)piece.at[i]] >= 0)
            fr_ids_put(ids, t->byte_ids[(unsigned char)piece.at[i]]);
    if (!t->has_bytes && !after_unknown && t->unk >= 0)
        fr_ids_put(ids, t->unk);
}

int fr_unigram_encode(const fr_tokenizer *t, fr_str text, bool space_prefix, fr_ids *ids,
                      fr_err *err)
{
    FR_AUTO(fr_buf) normal = { .limit_bytes = (size_t)3 << 30 };
    normalize(t, text, space_prefix, &normal);
    if (normal.full || normal.n > INT32_MAX / 2)
        return fr_fail(err, FR_E_LIMIT, "Break it into smaller files.",
                       "the text has more than 1 GiB once it is normalized");
    if (normal.n == 0)
        return 0;
    void *room;
    FR_TRY(fr_try_array(normal.n + 1, sizeof(way), "the ways through a text", &room, err));
    way *ways = room;
    for (size_t i = 0; i <= normal.n; i++)
        ways[i] = (way){ -1, -1, 0 };
    find_ways(t, fr_buf_str(&normal), ways);
    /* From the end to the begin; then that list is turned around by linking forwards. */
    for (int32_t end = (int32_t)normal.n, next = -1; end >= 0;) {
        const int32_t from = ways[end].from;
        ways[end].from = next;
        next = end;
        end = from;
    }
    bool after_unknown = false;
    for (int32_t from = 0, end = ways[0].from; end >= 0; from = end, end = ways[end].from) {
        const int32_t id = ways[end].id;
        if (id >= 0)
            fr_ids_put(ids, id);
        else
            put_unknown(t, (fr_str){ normal.at + from, (size_t)(end - from) }, after_unknown, ids);
        after_unknown = id < 0;
    }
    free(ways);
    return 0;
}
