/* hf_tokenizer.c: the parts of tokenizer.json (huggingface/tokenizers): model, added_tokens,
 * normalizer, pre_tokenizer, post_processor. What they do to text either has a place in our
 * tokenizer or is refused by name: ids that differ silently are worse than none. */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/hf_vocab_priv.h"

static const char SPACE[] = "\xE2\x96\x81"; /* U+2581, SentencePiece's visible space */

static int wrong(const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "The file is damaged: fetch it again.", "tokenizer.json: %s",
                   what);
}

static int refuse(const char *what, const char *which, fr_err *err)
{
    return fr_fail(err, FR_E_UNSUPPORTED, NULL, "tokenizer.json: %s%s%.60s%s is not supported",
                   what, which != NULL ? " '" : "", which != NULL ? which : "",
                   which != NULL ? "'" : "");
}

static const char *type_of(const json_t *part)
{
    return json_string_value(json_object_get(part, "type"));
}

static bool is(const json_t *part, const char *type)
{
    return type_of(part) != NULL && strcmp(type_of(part), type) == 0;
}

static bool text_is(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* An id that leaves no more holes than there are tokens: memory grows with the file. */
static int check_id(const json_t *value, size_t n_tokens, size_t *id, fr_err *err)
{
    const size_t most = FR_MIN((size_t)HF_TOKENS_MOST, 4 * n_tokens + 1024);
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) >= most)
        return wrong("a token's id is no number of a sensible size", err);
    *id = (size_t)json_integer_value(value);
    return 0;
}

static int count_tokens(fr_hf_vocab *v, const json_t *vocab, const json_t *added, fr_err *err)
{
    const size_t n_pieces = json_array_size(vocab); /* of a Unigram vocabulary: a list */
    const size_t n = json_object_size(vocab) + n_pieces + json_array_size(added);
    size_t most = n_pieces, id, i;
    const char *text;
    json_t *value;
    if (n == 0 || n > HF_TOKENS_MOST)
        return wrong("it has no vocabulary, or one that is too large", err);
    json_object_foreach((json_t *)vocab, text, value)
    {
        FR_TRY(check_id(value, n, &id, err));
        most = FR_MAX(most, id + 1);
    }
    json_array_foreach((json_t *)added, i, value)
    {
        FR_TRY(check_id(json_object_get(value, "id"), n, &id, err));
        most = FR_MAX(most, id + 1);
    }
    hf_vocab_size(v, most);
    return 0;
}

static int put_token(fr_hf_vocab *v, size_t id, fr_str text, fr_token_type type, fr_err *err)
{
    if (v->tokens[id].at != NULL && !fr_str_equal(v->tokens[id], text))
        return fr_fail(err, FR_E_FORMAT, NULL, "tokenizer.json: two tokens have the id %zu", id);
    v->tokens[id] = text;
    v->types[id] = (uint8_t)type;
    return 0;
}

static int read_tokens(fr_hf_vocab *v, const json_t *vocab, fr_err *err)
{
    const char *text;
    json_t *value;
    json_object_foreach((json_t *)vocab, text, value)
    {
        fr_str s = fr_str_of(text);
        const bool byte = v->kind == FR_VOCAB_SPM && s.n == 6 && fr_str_starts(s, FR_STR("<0x")) &&
                          text[5] == '>';
        FR_TRY(put_token(v, (size_t)json_integer_value(value), s,
                         byte ? FR_TOKEN_BYTE : FR_TOKEN_NORMAL, err));
    }
    return 0;
}

static int read_added(fr_hf_vocab *v, const json_t *added, fr_err *err)
{
    size_t i, words = 0;
    json_t *row;
    json_array_foreach((json_t *)added, i, row)
    {
        const json_t *content = json_object_get(row, "content");
        const size_t id = (size_t)json_integer_value(json_object_get(row, "id"));
        if (!json_is_string(content) || json_string_length(content) == 0)
            return wrong("an added token has no content", err);
        fr_str text = { json_string_value(content), json_string_length(content) };
        FR_TRY(put_token(
            v, id, text,
            json_is_true(json_object_get(row, "special")) ? FR_TOKEN_CONTROL : FR_TOKEN_USER, err));
        words += json_is_true(json_object_get(row, "single_word"));
        int strip = (json_is_true(json_object_get(row, "lstrip")) ? FR_STRIP_LEFT : 0) |
                    (json_is_true(json_object_get(row, "rstrip")) ? FR_STRIP_RIGHT : 0);
        if (strip != 0 && v->strips == NULL)
            v->strips = FR_NEW_N(uint8_t, v->n);
        if (strip != 0)
            v->strips[id] = (uint8_t)strip;
    }
    if (words > 0)
        fr_buf_put_f(&v->told, "%zu added tokens are found inside words too\n", words);
    return 0;
}

/* ---- merges ---------------------------------------------------------------------------------- */

static int read_merges(fr_hf_vocab *v, const json_t *merges, fr_err *err)
{
    size_t i;
    json_t *row;
    if (!json_is_array(merges) || json_array_size(merges) > 4 * (size_t)HF_TOKENS_MOST)
        return wrong("its merges are no list", err);
    v->n_merges = json_array_size(merges);
    v->merges = FR_NEW_N(fr_str, v->n_merges);
    json_array_foreach((json_t *)merges, i, row)
    {
        const json_t *left = json_array_get(row, 0), *right = json_array_get(row, 1);
        if (json_is_string(row)) {
            v->merges[i] = (fr_str){ json_string_value(row), json_string_length(row) };
        } else if (json_array_size(row) == 2 && json_is_string(left) && json_is_string(right)) {
            if (strchr(json_string_value(left), ' ') != NULL ||
                strchr(json_string_value(right), ' ') != NULL)
                return refuse("a merge of tokens with spaces", NULL, err);
            v->merges[i] = hf_vocab_keep(
                v, fr_dup_f("%s %s", json_string_value(left), json_string_value(right)));
        } else {
            return wrong("a merge is not two tokens", err);
        }
    }
    return 0;
}

/* For programs that join by scores: the first merge that makes a token is its score. */
static void derive_scores(fr_hf_vocab *v, const json_t *vocab)
{
    FR_AUTO(fr_buf) joined = { 0 };
    v->scores = FR_NEW_N(float, v->n);
    for (size_t i = 0; i < v->n; i++)
        v->scores[i] = -(float)(v->n_merges + i);
    for (size_t i = v->n_merges; i-- > 0;) {
        fr_str rest = v->merges[i], one;
        fr_buf_clear(&joined);
        while (fr_str_next(&rest, ' ', &one))
            fr_buf_put_str(&joined, one);
        const json_t *id = json_object_get(vocab, fr_buf_text(&joined));
        if (id != NULL)
            v->scores[json_integer_value(id)] = -(float)i;
    }
}

/* ---- normalizers ----------------------------------------------------------------------------- */

/* One step; `spaced` is set where spaces become U+2581. */
static int read_step(fr_hf_vocab *v, const json_t *step, bool *spaced, fr_err *err)
{
    static const char *const FORMS[][2] = {
        { "NFC", "nfc" }, { "NFD", "nfd" }, { "NFKC", "nfkc" }, { "NFKD", "nfkd" }
    };
    for (size_t i = 0; i < FR_COUNT_OF(FORMS); i++) {
        if (!is(step, FORMS[i][0]))
            continue;
        if (v->normalizer != NULL)
            return refuse("more than one normal form", NULL, err);
        v->normalizer = FORMS[i][1];
        return 0;
    }
    if (v->kind == FR_VOCAB_SPM && is(step, "Prepend") &&
        text_is(json_object_get(step, "prepend"), SPACE)) {
        v->add_space_prefix = true;
        return 0;
    }
    if (v->kind == FR_VOCAB_SPM && is(step, "Replace") &&
        text_is(json_object_get(json_object_get(step, "pattern"), "String"), " ") &&
        text_is(json_object_get(step, "content"), SPACE)) {
        *spaced = true;
        return 0;
    }
    return refuse("the normalizer", type_of(step) != NULL ? type_of(step) : "?", err);
}

static int read_normalizer(fr_hf_vocab *v, const json_t *normalizer, bool *spaced, fr_err *err)
{
    size_t i;
    json_t *step;
    if (normalizer == NULL || json_is_null(normalizer))
        return 0;
    if (!is(normalizer, "Sequence"))
        return read_step(v, normalizer, spaced, err);
    json_array_foreach(json_object_get(normalizer, "normalizers"), i, step)
        FR_TRY(read_step(v, step, spaced, err));
    return 0;
}

/* ---- SentencePiece's BPE as the library writes it -------------------------------------------- */

static int read_metaspace(fr_hf_vocab *v, const json_t *pre, bool *spaced, fr_err *err)
{
    const json_t *scheme = json_object_get(pre, "prepend_scheme");
    const json_t *prefix = json_object_get(pre, "add_prefix_space");
    const json_t *split = json_object_get(pre, "split");
    if (!text_is(json_object_get(pre, "replacement"), SPACE))
        return refuse("a visible space that is not U+2581", NULL, err);
    if (!json_is_false(split))
        return refuse("BPE that does not join words (Metaspace with split)", NULL, err);
    v->add_space_prefix =
        json_is_string(scheme) ? !text_is(scheme, "never") : prefix == NULL || json_is_true(prefix);
    v->prefix_once = text_is(scheme, "first");
    v->prefix_if_none = true;
    *spaced = true;
    return 0;
}

static int read_spm(fr_hf_vocab *v, const json_t *root, fr_err *err)
{
    const json_t *pre = json_object_get(root, "pre_tokenizer");
    const json_t *split = json_object_get(json_object_get(pre, "pattern"), "String");
    bool spaced = false;
    FR_TRY(read_normalizer(v, json_object_get(root, "normalizer"), &spaced, err));
    if (is(pre, "Metaspace"))
        FR_TRY(read_metaspace(v, pre, &spaced, err));
    else if (pre != NULL && !json_is_null(pre) &&
             !(spaced && is(pre, "Split") && text_is(split, " ")))
        return refuse("the pre-tokenizer", type_of(pre) != NULL ? type_of(pre) : "?", err);
    return spaced ? 0 : refuse("BPE over characters whose spaces stay spaces", NULL, err);
}

/* ---- BOS and EOS ----------------------------------------------------------------------------- */

/* The token that a template's element is; NULL: the text. */
static const char *special_of(const json_t *element)
{
    return json_string_value(json_object_get(json_object_get(element, "SpecialToken"), "id"));
}

static void read_template(fr_hf_vocab *v, const json_t *single)
{
    const size_t n = json_array_size(single);
    size_t text = n, i;
    json_t *element;
    json_array_foreach((json_t *)single, i,
                       element) if (json_object_get(element, "Sequence") != NULL && text == n)
        text = i;
    v->add_bos = text > 0 && text < n;
    v->add_eos = text + 1 < n;
    if (v->add_bos)
        v->special[FR_HF_BOS] = hf_vocab_find(v, special_of(json_array_get(single, text - 1)));
    if (v->add_eos)
        v->special[FR_HF_EOS] = hf_vocab_find(v, special_of(json_array_get(single, text + 1)));
    if (n > 3 || text > 1)
        fr_buf_put_s(&v->told, "of several tokens that are put around a text only the innermost "
                               "are\n");
}

/* false: it says nothing of special tokens. */
static bool read_post_processor(fr_hf_vocab *v, const json_t *post)
{
    size_t i;
    json_t *one;
    if (is(post, "TemplateProcessing")) {
        read_template(v, json_object_get(post, "single"));
        return true;
    }
    if (is(post, "RobertaProcessing") || is(post, "BertProcessing")) {
        v->add_bos = v->add_eos = true;
        v->special[FR_HF_BOS] =
            hf_vocab_find(v, json_string_value(json_array_get(json_object_get(post, "cls"), 0)));
        v->special[FR_HF_EOS] =
            hf_vocab_find(v, json_string_value(json_array_get(json_object_get(post, "sep"), 0)));
        return true;
    }
    bool any = false;
    json_array_foreach(json_object_get(post, "processors"), i, one) if (!is(one, "Sequence")) any |=
        read_post_processor(v, one);
    return any;
}

/* ---- WordPiece, as BERT has it ----------------------------------------------------------------
 */

static int read_wordpiece(fr_hf_vocab *v, const json_t *root, const json_t *model, fr_err *err)
{
    const json_t *normalizer = json_object_get(root, "normalizer");
    const json_t *pre = json_object_get(root, "pre_tokenizer");
    const json_t *accents = json_object_get(normalizer, "strip_accents");
    const json_t *prefix = json_object_get(model, "continuing_subword_prefix");
    if (!is(normalizer, "BertNormalizer"))
        return refuse("the normalizer", type_of(normalizer) != NULL ? type_of(normalizer) : "?",
                      err);
    if (json_is_false(json_object_get(normalizer, "clean_text")) ||
        json_is_false(json_object_get(normalizer, "handle_chinese_chars")))
        return refuse("a BertNormalizer that does less", NULL, err);
    if (!is(pre, "BertPreTokenizer"))
        return refuse("the pre-tokenizer", type_of(pre) != NULL ? type_of(pre) : "?", err);
    if (prefix != NULL && !text_is(prefix, "##"))
        return refuse("a mark of what continues a word that is not ##", NULL, err);
    v->kind = FR_VOCAB_WORDPIECE;
    v->keep_case = json_is_false(json_object_get(normalizer, "lowercase"));
    v->keep_accents = json_is_boolean(accents) ? json_is_false(accents) : v->keep_case;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int read_kind(fr_hf_vocab *v, const json_t *root, const json_t *model, fr_err *err)
{
    const char *type = type_of(model);
    bool bytes = false, spaced = false;
    if (type == NULL && json_object_get(model, "merges") != NULL)
        type = "BPE";
    if (type == NULL && json_is_array(json_object_get(model, "vocab")))
        type = "Unigram";
    if (type != NULL && strcmp(type, "WordPiece") == 0)
        return read_wordpiece(v, root, model, err);
    if (type != NULL && strcmp(type, "Unigram") == 0)
        return hf_unigram_read(v, root, err);
    if (type == NULL || strcmp(type, "BPE") != 0)
        return refuse("a vocabulary of the kind", type != NULL ? type : "?", err);
    const json_t *pre = json_object_get(root, "pre_tokenizer"), *one;
    const json_t *list = json_object_get(pre, "pretokenizers");
    size_t i;
    bool level = is(pre, "ByteLevel");
    for (i = 0; i < json_array_size(list); i++)
        if ((one = json_array_get(list, i)) != NULL)
            level |= is(one, "ByteLevel");
    v->kind = level ? FR_VOCAB_BPE : FR_VOCAB_SPM;
    if (v->kind == FR_VOCAB_SPM)
        return read_spm(v, root, err);
    FR_TRY(hf_pretokens_read(v, pre, &bytes, err));
    return read_normalizer(v, json_object_get(root, "normalizer"), &spaced, err);
}

static void name_patterns(fr_hf_vocab *v)
{
    size_t n = 0;
    const char *name =
        fr_pretokens_name((const char *const *)v->patterns, v->n_patterns, v->whole_words, &n);
    if (name == NULL)
        return;
    v->pre = fr_dup_n(name, n);
    for (size_t i = 0; i < v->n_patterns; i++)
        free(v->patterns[i]);
    v->n_patterns = 0;
}

/* Ways of a model to take words apart that ours has not. */
static int check_model(const json_t *model, fr_err *err)
{
    static const char *const TEXTS[] = { "continuing_subword_prefix", "end_of_word_suffix" };
    for (size_t i = 0; i < FR_COUNT_OF(TEXTS); i++)
        if (json_string_length(json_object_get(model, TEXTS[i])) > 0)
            return refuse("a vocabulary with", TEXTS[i], err);
    if (json_number_value(json_object_get(model, "dropout")) > 0)
        return refuse("merging by chance", "dropout", err);
    return 0;
}

int hf_tokenizer_read(fr_hf_vocab *v, fr_err *err)
{
    const json_t *model = json_object_get(v->from, "model");
    const json_t *vocab = json_object_get(model, "vocab");
    const json_t *added = json_object_get(v->from, "added_tokens");
    const char *unk = json_string_value(json_object_get(model, "unk_token"));
    for (size_t i = 0; i < FR_HF_SPECIALS; i++)
        v->special[i] = -1;
    FR_TRY(read_kind(v, v->from, model, err));
    const bool merged = v->kind == FR_VOCAB_BPE || v->kind == FR_VOCAB_SPM;
    const bool unigram = v->kind == FR_VOCAB_UNIGRAM;
    if (merged)
        FR_TRY(check_model(model, err));
    if (!unigram && !json_is_object(vocab))
        return wrong("it has no vocabulary", err);
    v->whole_words = json_is_true(json_object_get(model, "ignore_merges"));
    FR_TRY(count_tokens(v, vocab, added, err));
    FR_TRY(unigram ? hf_unigram_pieces(v, model, err) : read_tokens(v, vocab, err));
    FR_TRY(read_added(v, added, err));
    if (merged)
        FR_TRY(read_merges(v, json_object_get(model, "merges"), err));
    if (v->kind == FR_VOCAB_BPE)
        name_patterns(v);
    else if (v->kind == FR_VOCAB_SPM)
        derive_scores(v, vocab);
    v->special[FR_HF_UNK] = hf_vocab_find(v, unk);
    if (unigram)
        FR_TRY(hf_unigram_unknown(v, model, err));
    if (v->kind != FR_VOCAB_BPE && v->special[FR_HF_UNK] >= 0)
        v->types[v->special[FR_HF_UNK]] = FR_TOKEN_UNKNOWN;
    if (!read_post_processor(v, json_object_get(v->from, "post_processor")))
        v->add_bos = v->kind == FR_VOCAB_SPM; /* unless tokenizer_config.json says otherwise */
    return 0;
}
