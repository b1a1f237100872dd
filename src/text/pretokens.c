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

/* DeepSeek LLM: letters that have case, by their ranges in the published file. */
#define CASED_LETTERS                                                                              \
    SPACE "?[A-Za-z\\x{00B5}\\x{00C0}-\\x{00D6}\\x{00D8}-\\x{00F6}\\x{00F8}-\\x{01BA}\\x{01BC}-"   \
          "\\x{01BF}\\x{01C4}-\\x{0293}\\x{0295}-\\x{02AF}\\x{0370}-\\x{0373}\\x{0376}\\x{0377}"   \
          "\\x{037B}-\\x{037D}\\x{037F}\\x{0386}\\x{0388}-\\x{038A}\\x{038C}\\x{038E}-\\x{03A1}"   \
          "\\x{03A3}-\\x{03F5}\\x{03F7}-\\x{0481}\\x{048A}-\\x{052F}\\x{0531}-\\x{0556}"           \
          "\\x{10A0}-\\x{10C5}\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}"           \
          "\\x{1CBD}-\\x{1CBF}\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}"           \
          "\\x{1E00}-\\x{1F15}\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}"           \
          "\\x{1F50}-\\x{1F57}\\x{1F59}\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}"   \
          "\\x{1FB6}-\\x{1FBC}\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-"           \
          "\\x{1FD3}\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-"           \
          "\\x{1FFC}\\x{2102}\\x{2107}\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}"    \
          "\\x{2126}\\x{2128}\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}"   \
          "\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}"   \
          "\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}\\x{A722}"   \
          "-\\x{A76F}\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}\\x{FB00}-"          \
          "\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-"          \
          "\\x{1044F}\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-"   \
          "\\x{10CF2}\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}]+"
#define CJK_MARKS                                                                                  \
    SPACE "?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}"   \
          "]+"

/* Alternatives that many have between words and what is left. */
#define REST         SPACE "*[\\r\\n]+|" SPACE "+(?!" NOSPACE ")|" SPACE "+"
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define WORD         "[^\\r\\n\\p{L}\\p{N}]?"

/* Kimi: Chinese apart, then as GPT-4o without it. */
#define NOT_HAN(set) "(?:(?!\\p{Han})[" set "])"
#define KIMI_UPPER   NOT_HAN("\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}")
#define KIMI_LOWER   NOT_HAN("\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}")
#define KIMI_WORDS                                                                                 \
    "\\p{Han}+|" WORD KIMI_UPPER "*" KIMI_LOWER "+" ENGLISH "|" WORD KIMI_UPPER "+" KIMI_LOWER     \
    "*" ENGLISH "|\\p{N}{1,3}| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|" REST

/* Youtu: Hangul, full-width marks, Bopomofo, Chinese and Japanese apart. */
#define YOUTU                                                                                      \
    "[\\x{AC00}-\\x{D7A3}\\x{3131}-\\x{318E}]+|[\\x{FF01}\\x{2026}\\x{201C}\\x{201D}"              \
    "\\x{2018}\\x{2019}\\x{2014}\\x{FF1A}\\x{FF1B}\\x{FF0C}\\x{3001}-\\x{303F}\\x{FE30}-"          \
    "\\x{FE4F}]+|[\\x{3105}-\\x{312F}]+|[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-"         \
    "\\x{30FF}]+"
/* Jais 2: white space in runs of powers of two. */
#define RUN(n) SPACE "{" n "}(?!" NOSPACE ")|"

enum { MAX_PATTERNS = 6 };

/* Names as in tokenizer.ggml.pre. */
typedef struct {
    const char *names; /* space-separated */
    const char *patterns[MAX_PATTERNS];
    bool whole_words;
} pre_row;

static const pre_row ROWS[] = {
    { "default", { "[\\p{P}$+<=>^~|]+", GPT2_WORDS, "\\p{N}+", "[0-9][0-9][0-9]" } },
    { "gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum mpt olmo jais "
      "roberta-bpe jina-v1-en jina-v2-code exaone4 trillion modern-bert granite-docling",
      { GPT2_WORDS "|" SPACE "+" } },
    { "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
      { LLAMA3_WORDS("\\p{N}{1,3}") },
      .whole_words = true },
    { "dbrx smaug-bpe chatglm-bpe glm4", { LLAMA3_WORDS("\\p{N}{1,3}") } },
    { "qwen2 stablelm2 hunyuan deepseek-r1-qwen megrez grok-2 kormo f2llmv2 solar-open",
      { LLAMA3_WORDS("\\p{N}") } },
    { "gpt-4o llama4 minimax-m2 kanana2 talkie", { CASED(ENGLISH) BEHIND_CASED("\\p{N}{1,3}") } },
    { "tekken", { CASED("") BEHIND_CASED("\\p{N}") }, .whole_words = true },
    { "falcon", { "[\\p{P}$+<=>^~|`]+", GPT2_WORDS, "[0-9][0-9][0-9]" } },
    { "deepseek-v3 hunyuan-dense joyai-llm", { "\\p{N}{1,3}", CJK3, DEEPSEEK3_WORDS } },
    { "deepseek-coder", { "[\\r\\n]", SPACE "?\\p{L}+", SPACE "?\\p{P}+", CJK1, "\\p{N}" } },
    { "bloom poro-chat gpt3-finnish", { BLOOM_WORDS } },
    { "viking", { BLOOM_WORDS, "\\p{N}" } },
    { "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
      { "\\p{N}", GPT2_WORDS "|" SPACE "+" } },
    { "deepseek-llm",
      { "[\\r\\n]", CASED_LETTERS, CJK_MARKS, SPACE "+(?=\\n|\\z)", CJK1, "\\p{N}+" } },
    { "qwen35",
      { CONTRACTIONS "|" WORD "[\\p{L}\\p{M}]+|\\p{N}| ?[^" WS
                     "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" REST } },
    { "granite-embed-multi-97m",
      { CASED(ENGLISH) BEHIND_CASED("\\p{N}{1,3}") },
      .whole_words = true },
    { "tiny_aya cohere2moe",
      { "\\d{1,3}(?=(?:\\d{3})*\\b)", CASED(ENGLISH) BEHIND_CASED("\\p{N}{1,3}") } },
    { "youtu", { YOUTU, CASED(ENGLISH) BEHIND_CASED("\\p{N}") }, .whole_words = true },
    { "kimi-k2", { KIMI_WORDS } },
    { "jais-2",
      { CONTRACTIONS "|" WORD "\\p{L}+|\\p{N}{1,3}| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|" SPACE
                     "*[\\r\\n]+|" RUN("512") RUN("256") RUN("128") RUN("64") RUN("32") RUN("16")
                         RUN("8") RUN("4") RUN("1,2") SPACE "{1}" } },
    { "bailingmoe bailingmoe2 llada-moe",
      { "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^" WS
        "\\p{L}\\p{N}]++[\\r\\n]*|" SPACE "*[\\r\\n]|" SPACE "+(?!" NOSPACE ")|" SPACE "+" } },
    { "seed-coder",
      { CONTRACTIONS "|" WORD "\\p{L}+|\\p{N}{1}| ?[^" WS "\\p{L}\\p{N}\\r\\n]+|" REST } },
    { "exaone-moe",
      { CONTRACTIONS "|" WORD "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^" WS
                     "\\p{L}\\p{N}]+[\\r\\n/]?|" SPACE "*[\\r\\n]|" SPACE "+(?!" NOSPACE ")|" SPACE
                     "+" } },
    { "minicpm5", { "\\p{N}{1,3}", LLAMA3_WORDS("\\p{N}+") }, .whole_words = true },
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

/* Other letters behind a backslash mean something else, or nothing, to the other engine. */
static int check_escape(char c, bool braced, fr_err *err)
{
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter || strchr("pPdDsSwWrntfbBAz", c) != NULL || (c == 'x' && braced))
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
            FR_TRY(check_escape(next, rest.n > 2 && rest.at[2] == '{', err));
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
        const bool outside = !in_class;
        in_class = c == '[' ? true : c == ']' ? false : in_class;
        if (outside && c == '$') /* at the end of any line, there */
            fr_buf_put_s(out, "(?=\\n|\\z)");
        else if (outside && c == '^')
            fr_buf_put_s(out, "(?<=\\A|\\n)");
        else if (c == '\r' || c == '\n' || c == '\t')
            fr_buf_put_s(out, c == '\r' ? "\\r" : c == '\n' ? "\\n" : "\\t");
        else if (c < 0x80)
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
