/* hf_pretokens.c: how tokenizer.json cuts text into words, as patterns of ours. Each kind of
 * pre-tokenizer that cuts is a regular expression; the byte-level one has a pattern of its own that
 * it may use or not. Those that come behind it would see the byte-level alphabet, not the text, so
 * only what that does not change is read there. */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/hf_vocab_priv.h"

/* As the tokenizers library has them. */
static const char BYTE_LEVEL[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+"
                                 "|\\s+(?!\\S)|\\s+";
static const char PUNCTUATION[] = "[\\p{P}$+<=>^~|`]";

static int refuse(const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_UNSUPPORTED, NULL, "tokenizer.json: %s is not supported", what);
}

static int add_pattern(fr_hf_vocab *v, const char *regex, size_t n, const char *suffix, fr_err *err)
{
    FR_AUTO(fr_buf) pattern = { .limit_bytes = 1 << 16 };
    if (v->n_patterns == FR_HF_PATTERNS_MOST)
        return refuse("a pre-tokenizer of more than six patterns", err);
    FR_TRY(fr_pattern_of((fr_str){ regex, n }, &pattern, err));
    fr_buf_put_s(&pattern, suffix);
    if (pattern.full)
        return refuse("a pattern of more than 64 KiB", err);
    v->patterns[v->n_patterns++] = fr_buf_take(&pattern);
    return 0;
}

/* A text to split at, as a regular expression. */
static int add_literal(fr_hf_vocab *v, const char *text, fr_err *err)
{
    FR_AUTO(fr_buf) regex = { .limit_bytes = 1 << 16 };
    for (; *text != '\0'; text++) {
        if (strchr("\\.|()[]{}*+?^$", *text) != NULL)
            fr_buf_put_c(&regex, '\\');
        fr_buf_put_c(&regex, *text);
    }
    return add_pattern(v, fr_buf_text(&regex), regex.n, "", err);
}

static int read_split(fr_hf_vocab *v, const json_t *pre, fr_err *err)
{
    const json_t *pattern = json_object_get(pre, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *literal = json_object_get(pattern, "String");
    const char *behavior = json_string_value(json_object_get(pre, "behavior"));
    const bool invert = json_is_true(json_object_get(pre, "invert"));
    if (behavior == NULL)
        return refuse("a Split without behavior", err);
    /* Removed and inverted: what lies between matches goes; a pattern that is used so covers all
     * text. Else every match and what is between is a word. */
    if (strcmp(behavior, "Isolated") != 0 && !(strcmp(behavior, "Removed") == 0 && invert))
        return refuse("a Split that joins or removes what it finds", err);
    if (json_is_string(literal))
        return add_literal(v, json_string_value(literal), err);
    if (!json_is_string(regex))
        return refuse("a Split without a pattern", err);
    return add_pattern(v, json_string_value(regex), json_string_length(regex), "", err);
}

static int read_one(fr_hf_vocab *v, const json_t *pre, bool *bytes, fr_err *err)
{
    const char *type = json_string_value(json_object_get(pre, "type"));
    if (type == NULL)
        return refuse("a pre-tokenizer without type", err);
    if (strcmp(type, "ByteLevel") == 0) {
        *bytes = true;
        const json_t *prefix = json_object_get(pre, "add_prefix_space");
        v->add_space_prefix |= prefix == NULL || json_is_true(prefix);
        return json_is_false(json_object_get(pre, "use_regex"))
                   ? 0
                   : add_pattern(v, BYTE_LEVEL, strlen(BYTE_LEVEL), "", err);
    }
    if (strcmp(type, "Digits") == 0) {
        const bool each = json_is_true(json_object_get(pre, "individual_digits"));
        return add_pattern(v, "\\p{N}", 5, each ? "" : "+", err);
    }
    if (strcmp(type, "Punctuation") == 0) {
        const char *behavior = json_string_value(json_object_get(pre, "behavior"));
        const bool run = behavior != NULL && strcmp(behavior, "Contiguous") == 0;
        if (!run && behavior != NULL && strcmp(behavior, "Isolated") != 0)
            return refuse("punctuation that is joined to words", err);
        return add_pattern(v, PUNCTUATION, strlen(PUNCTUATION), run ? "+" : "", err);
    }
    if (strcmp(type, "Split") == 0)
        return read_split(v, pre, err);
    char what[80];
    snprintf(what, sizeof(what), "the pre-tokenizer '%.40s'", type);
    return refuse(what, err);
}

/* Falcon splits digits behind the byte level: runs of digits are apart already there, and ASCII
 * digits stand for themselves. The row "falcon" is that list. */
static bool is_falcon(const json_t *list)
{
    static const char *const KINDS[] = { "Punctuation", "ByteLevel", "Digits", "Split" };
    for (size_t i = 0; i < FR_COUNT_OF(KINDS); i++) {
        const char *type = json_string_value(json_object_get(json_array_get(list, i), "type"));
        if (type == NULL || strcmp(type, KINDS[i]) != 0)
            return false;
    }
    const json_t *last = json_object_get(json_array_get(list, 3), "pattern");
    const char *regex = json_string_value(json_object_get(last, "Regex"));
    return json_array_size(list) == 4 && regex != NULL && strcmp(regex, "[0-9][0-9][0-9]") == 0;
}

int hf_pretokens_read(fr_hf_vocab *v, const json_t *pre, bool *bytes, fr_err *err)
{
    const char *type = json_string_value(json_object_get(pre, "type"));
    const json_t *list = json_object_get(pre, "pretokenizers");
    *bytes = false;
    if (type == NULL)
        return 0;
    if (strcmp(type, "Sequence") != 0)
        return read_one(v, pre, bytes, err);
    const bool falcon = is_falcon(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (falcon && i == 2)
            continue;
        if (*bytes && !falcon)
            return refuse("a pre-tokenizer behind the byte level", err);
        FR_TRY(read_one(v, json_array_get(list, i), bytes, err));
    }
    return 0;
}
