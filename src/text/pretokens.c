/* Pre-tokenizers: rows of patterns, applied one after the other; each cuts the pieces that the one
 * before left into its matches and what is between them. PCRE2 with Unicode properties, JIT where
 * the machine has it.
 *
 * White space is spelt out as the Unicode property White_Space (= \p{Z} and nine controls), because
 * PCRE2's \s also takes U+180E. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "text/text_priv.h"
#include "text/utf8.h"

#define WS      "\\p{Z}\\t-\\r\\x{85}"
#define SPACE   "[" WS "]"
#define NOSPACE "[^" WS "]"

#define GPT2_WORDS                                                                                 \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|" SPACE "+(?!" NOSPACE ")"
#define LLAMA3_WORDS(digits)                                                                       \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?[^" WS                \
    "\\p{L}\\p{N}]+[\\r\\n]*|" SPACE "*[\\r\\n]+|" SPACE "+(?!" NOSPACE ")|" SPACE "+"

/* GPT-4o's and Mistral's Tekken: words end where lower case is followed by upper case. */
#define CASED(suffix)                                                                              \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"     \
    "+" suffix "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{"   \
    "Lo}\\p{M}]*" suffix
#define BEHIND_CASED(digits)                                                                       \
    "|" digits "| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n/]*|" SPACE "*[\\r\\n]+|" SPACE "+(?!" NOSPACE     \
    ")|" SPACE "+"
#define ENGLISH "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"

/* BigScience's BLOOM and its heirs: runs of what is neither white space nor these marks. */
#define BLOOM_WORDS                                                                                \
    " ?[^(" WS "|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{0964}\\x{06D4}\\x{060C})]+"

/* DeepSeek: Chinese and Japanese apart, then words; punctuation may begin a Latin word. */
#define CJK3 "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+"
#define CJK1 "[\\x{4E00}-\\x{9FA5}\\x{0800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"
#define DEEPSEEK3_WORDS                                                                            \
    "[!\"#$%&'()*+,\\-./"                                                                          \
    ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]"                \
    "+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACE "*[\\r\\n]+|" SPACE "+(?!" NOSPACE ")|" SPACE "+"

enum { MAX_PATTERNS = 5 };

/* Names as in tokenizer.ggml.pre. */
typedef struct {
    const char *names; /* space-separated */
    const char *patterns[MAX_PATTERNS];
    bool whole_words;
} pre_row;

static const pre_row ROWS[] = {
    { "default", { "[\\p{P}$+<=>^~|]+", GPT2_WORDS, "\\p{N}+", "[0-9][0-9][0-9]" } },
    { "gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum mpt olmo jais "
      "roberta-bpe exaone4 trillion modern-bert granite-docling",
      { GPT2_WORDS "|" SPACE "+" } },
    { "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2",
      { LLAMA3_WORDS("\\p{N}{1,3}") },
      .whole_words = true },
    { "dbrx smaug-bpe chatglm-bpe", { LLAMA3_WORDS("\\p{N}{1,3}") } },
    { "qwen2 stablelm2 hunyuan deepseek-r1-qwen megrez grok-2", { LLAMA3_WORDS("\\p{N}") } },
    { "gpt-4o llama4 minimax-m2", { CASED(ENGLISH) BEHIND_CASED("\\p{N}{1,3}") } },
    { "tekken", { CASED("") BEHIND_CASED("\\p{N}") }, .whole_words = true },
    { "falcon", { "[\\p{P}$+<=>^~|`]+", GPT2_WORDS, "[0-9][0-9][0-9]" } },
    { "deepseek-v3 hunyuan-dense", { "\\p{N}{1,3}", CJK3, DEEPSEEK3_WORDS } },
    { "deepseek-coder", { "[\\r\\n]", SPACE "?\\p{L}+", SPACE "?\\p{P}+", CJK1, "\\p{N}" } },
    { "bloom poro-chat gpt3-finnish", { BLOOM_WORDS } },
    { "viking", { BLOOM_WORDS, "\\p{N}" } },
    { "smollm starcoder refact command-r codeshell exaone minerva-7b",
      { "\\p{N}", GPT2_WORDS "|" SPACE "+" } },
};

FR_AUTOPTR_DEFINE(fr_pretokens);

struct fr_pretokens {
    pcre2_code *codes[MAX_PATTERNS];
    size_t n;
    bool whole_words;
};

static const pre_row *find_row(const char *name)
{
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        fr_str names = fr_str_of(ROWS[i].names), one;
        while (fr_str_next(&names, ' ', &one)) {
            if (fr_str_is(one, name))
                return &ROWS[i];
        }
    }
    return NULL;
}

static int compile(fr_pretokens *p, const char *pattern, const char *name, fr_err *err)
{
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    if (compiled == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, "frugal needs PCRE2 with Unicode support.",
                       "PCRE2 refuses the pattern of pre-tokenizer '%s' (error %d at %zu)", name,
                       code, (size_t)at);
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* without it, it is only slower */
    p->codes[p->n++] = compiled;
    return 0;
}

static int compile_own(const fr_vocab *vocab, fr_pretokens *p, fr_err *err)
{
    if (vocab->n_patterns > MAX_PATTERNS)
        return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                       "the vocabulary splits text with %zu patterns: at most %d are read",
                       vocab->n_patterns, MAX_PATTERNS);
    p->whole_words = vocab->whole_words;
    for (size_t i = 0; i < vocab->n_patterns; i++)
        FR_TRY(compile(p, vocab->patterns[i], "of the file", err));
    return 0;
}

int fr_pretokens_new(const fr_vocab *vocab, fr_pretokens **out, fr_err *err)
{
    const char *name = vocab->pre != NULL ? vocab->pre : "default";
    FR_AUTOPTR(fr_pretokens) p = FR_NEW(fr_pretokens);
    if (vocab->patterns != NULL) {
        FR_TRY(compile_own(vocab, p, err));
        *out = p;
        p = NULL;
        return 0;
    }
    const pre_row *row = find_row(name);
    if (row == NULL) {
        fr_log_once(FR_LOG_WARN,
                    "pre-tokenizer '%s' is not known: text is split as 'default' does, so token "
                    "ids may differ from those the model was trained with",
                    name);
        row = find_row("default");
    }
    p->whole_words = row->whole_words;
    for (size_t i = 0; i < MAX_PATTERNS && row->patterns[i] != NULL; i++)
        FR_TRY(compile(p, row->patterns[i], name, err));
    *out = p;
    p = NULL;
    return 0;
}

/* ---- patterns of tokenizer.json ---------------------------------------------------------------
 */

/* Constructs beyond these may mean something else, or nothing, to the other engine. */
static int check_escape(char c, fr_err *err)
{
    if (strchr("pPdDsSwWrntfv.|()[]{}*+?^$\\/-\"'!#%&,:;<=>@_`~ uxhHbBAzZRXN", c) != NULL &&
        strchr("hHRXNvuxZ", c) == NULL)
        return 0;
    return fr_fail(err, FR_E_UNSUPPORTED, NULL, "a pattern with '\\%c' is not supported", c);
}

int fr_pattern_of(fr_str regex, fr_buf *out, fr_err *err)
{
    bool in_class = false;
    for (size_t i = 0, step = 0; i < regex.n; i += step) {
        fr_str rest = { regex.at + i, regex.n - i };
        uint32_t c = 0;
        step = fr_utf8_next(rest, &c);
        if (c == '\\' && rest.n > 1) {
            const char next = rest.at[1];
            step = 2;
            FR_TRY(check_escape(next, err));
            if (next == 's')
                fr_buf_put_s(out, in_class ? WS : SPACE);
            else if (next == 'S' && !in_class)
                fr_buf_put_s(out, NOSPACE);
            else if (next == 'S')
                return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                               "a pattern with '\\S' in a class is not supported");
            else
                fr_buf_put(out, rest.at, 2);
            continue;
        }
        if (c == '[' && in_class)
            return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                           "a pattern with a class in a class is not supported");
        if (in_class && fr_str_starts(rest, FR_STR("&&")))
            return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                           "a pattern with '&&' in a class is not supported");
        in_class = c == '[' ? true : c == ']' ? false : in_class;
        if (c < 0x80)
            fr_buf_put_c(out, (char)c);
        else
            fr_buf_put_f(out, "\\x{%04X}", c);
    }
    return 0;
}

/* What a last alternative matches is left between matches too, so it cuts the same. */
static fr_str without_spaces(const char *pattern)
{
    static const fr_str LAST = { "|" SPACE "+", sizeof("|" SPACE "+") - 1 };
    fr_str p = fr_str_of(pattern);
    if (fr_str_ends(p, LAST))
        p.n -= LAST.n;
    return p;
}

const char *fr_pretokens_name(const char *const *patterns, size_t n_patterns, bool whole_words,
                              size_t *n)
{
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        size_t k = 0;
        while (k < n_patterns && k < MAX_PATTERNS && ROWS[i].patterns[k] != NULL &&
               fr_str_equal(without_spaces(patterns[k]), without_spaces(ROWS[i].patterns[k])))
            k++;
        if (k != n_patterns || whole_words != ROWS[i].whole_words ||
            (k < MAX_PATTERNS && ROWS[i].patterns[k] != NULL))
            continue;
        *n = strcspn(ROWS[i].names, " ");
        return ROWS[i].names;
    }
    return NULL;
}

void fr_pretokens_free(fr_pretokens *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->n; i++)
        pcre2_code_free(p->codes[i]);
    free(p);
}

bool fr_pretokens_whole_words(const fr_pretokens *p)
{
    return p->whole_words;
}

typedef struct {
    const fr_pretokens *p;
    pcre2_match_data *found[MAX_PATTERNS];
    fr_word_fn fn;
    void *user;
} splitting;

/* Cuts a piece of valid UTF-8 with pattern `level` and what lies below it. */
static int split_from(const splitting *s, size_t level, fr_str piece, fr_err *err)
{
    if (level == s->p->n) {
        s->fn(s->user, piece);
        return 0;
    }
    size_t done = 0;
    while (done < piece.n) {
        int rc = pcre2_match(s->p->codes[level], (PCRE2_SPTR)piece.at, piece.n, done,
                             PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, s->found[level], NULL);
        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc < 0)
            return fr_fail(err, FR_E_LIMIT, "Break the text into shorter pieces.",
                           "the pre-tokenizer gave up inside the text (PCRE2 error %d)", rc);
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->found[level]);
        if (at[0] > done)
            FR_TRY(split_from(s, level + 1, (fr_str){ piece.at + done, at[0] - done }, err));
        FR_TRY(split_from(s, level + 1, (fr_str){ piece.at + at[0], at[1] - at[0] }, err));
        done = at[1];
    }
    if (done < piece.n)
        FR_TRY(split_from(s, level + 1, (fr_str){ piece.at + done, piece.n - done }, err));
    return 0;
}

static int split_text(const splitting *s, fr_str text, fr_err *err)
{
    while (text.n > 0) {
        size_t valid = fr_utf8_valid_prefix(text);
        if (valid > 0)
            FR_TRY(split_from(s, 0, (fr_str){ text.at, valid }, err));
        if (valid < text.n) {
            s->fn(s->user, (fr_str){ text.at + valid, 1 });
            valid++;
        }
        text = (fr_str){ text.at + valid, text.n - valid };
    }
    return 0;
}

int fr_pretokens_split(const fr_pretokens *p, fr_str text, fr_word_fn fn, void *user, fr_err *err)
{
    splitting s = { .p = p, .fn = fn, .user = user };
    int rc = 0;
    for (size_t i = 0; i < p->n && rc == 0; i++) {
        s.found[i] = pcre2_match_data_create_from_pattern(p->codes[i], NULL);
        if (s.found[i] == NULL)
            rc = fr_fail(err, FR_E_NO_MEMORY, NULL, "no memory to split text into words");
    }
    if (rc == 0)
        rc = split_text(&s, text, err);
    for (size_t i = 0; i < p->n; i++)
        pcre2_match_data_free(s.found[i]);
    return rc;
}
