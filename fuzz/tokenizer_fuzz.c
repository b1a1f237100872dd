/* Whatever the text is: it comes back from its tokens, byte for byte, in a byte-level vocabulary
 * and in a SentencePiece one with byte tokens; and a vocabulary made of arbitrary strings is
 * refused or works, but never crashes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static fr_tokenizer *byte_level(const char *pre)
{
    static const char TEXT[] =
        "the cat and the dog and 12 123 1234 don't we'll they're the thing\n"
        "\n  in there \xC3\xA9\xC3\xA9 \xE4\xB8\xAD\xE6\x96\x87 tttttttttttt";
    fr_str texts[] = { FR_STR(TEXT) };
    static const char *const SPECIAL[] = { "<|end|>" };
    FR_AUTO(fr_bpe) b = { 0 };
    must(fr_bpe_train(texts, 1, SPECIAL, 1, 300, &b, NULL) == 0);
    fr_vocab v = { .kind = FR_VOCAB_BPE,
                   .pre = pre,
                   .tokens = b.tokens,
                   .types = b.types,
                   .n = b.n,
                   .merges = b.merges,
                   .n_merges = b.n_merges,
                   .bos = 0,
                   .eos = -1,
                   .unk = -1,
                   .pad = -1 };
    fr_tokenizer *t = NULL;
    must(fr_tokenizer_new(&v, &t, NULL) == 0);
    return t;
}

static fr_tokenizer *sentencepiece(void)
{
    static const char *const PIECES[] = { "\xE2\x96\x81",
                                          "t",
                                          "h",
                                          "e",
                                          "\xE2\x96\x81t",
                                          "he",
                                          "th",
                                          "tt",
                                          "tttt",
                                          "\xE2\x96\x81\xE2\x96\x81",
                                          "\xE2\x96\x81the",
                                          "\xC3\xA9" };
    enum { N = 259 + FR_COUNT_OF(PIECES) };
    static char names[256][8];
    fr_str tokens[N] = { FR_STR("<unk>"), FR_STR("<s>"), FR_STR("</s>") };
    uint8_t types[N] = { FR_TOKEN_UNKNOWN, FR_TOKEN_CONTROL, FR_TOKEN_CONTROL };
    float scores[N] = { 0 };
    for (unsigned i = 0; i < 256; i++) {
        snprintf(names[i], sizeof(names[i]), "<0x%02X>", i);
        tokens[3 + i] = fr_str_of(names[i]);
        types[3 + i] = FR_TOKEN_BYTE;
    }
    for (size_t i = 0; i < FR_COUNT_OF(PIECES); i++) {
        tokens[259 + i] = fr_str_of(PIECES[i]);
        types[259 + i] = i == 8 ? FR_TOKEN_UNUSED : FR_TOKEN_NORMAL;
        scores[259 + i] = (float)i;
    }
    fr_vocab v = { .kind = FR_VOCAB_SPM,
                   .tokens = tokens,
                   .types = types,
                   .scores = scores,
                   .n = N,
                   .bos = 1,
                   .eos = 2,
                   .unk = 0,
                   .pad = -1,
                   .add_space_prefix = true };
    fr_tokenizer *t = NULL;
    must(fr_tokenizer_new(&v, &t, NULL) == 0);
    return t;
}

static void comes_back(const fr_tokenizer *t, fr_str text, bool exactly)
{
    FR_AUTO(fr_ids) ids = { 0 };
    FR_AUTO(fr_buf) back = { 0 };
    must(fr_tokenizer_encode(t, text, FR_ENCODE_PLAIN, &ids, NULL) == 0);
    for (size_t i = 0; i < ids.n; i++)
        must(ids.at[i] >= 0 && (size_t)ids.at[i] < fr_tokenizer_n_vocab(t));
    fr_tokenizer_decode(t, ids.at, ids.n, false, &back);
    if (exactly)
        must(fr_str_equal(fr_buf_str(&back), text));
    fr_ids_clear(&ids);
    must(fr_tokenizer_encode(t, text, FR_ENCODE_BOS | FR_ENCODE_SPECIAL, &ids, NULL) == 0);
}

/* Lines of the input as tokens; those with a space as merges, too. */
static void any_vocabulary(fr_str text)
{
    fr_str tokens[64], merges[64], line, rest = text;
    uint8_t types[64];
    float scores[64];
    size_t n = 0, n_merges = 0;
    while (n < 64 && fr_str_next(&rest, '\n', &line)) {
        size_t at = 0;
        types[n] = line.n > 0 ? (uint8_t)line.at[0] % 8 : 1;
        scores[n] = (float)line.n;
        if (fr_str_find(line, FR_STR(" "), &at))
            merges[n_merges++] = line;
        tokens[n++] = line;
    }
    for (int kind = FR_VOCAB_NONE; kind <= FR_VOCAB_UNIGRAM; kind++) {
        fr_vocab v = { .kind = (fr_vocab_kind)kind,
                       .tokens = tokens,
                       .types = types,
                       .scores = scores,
                       .n = n,
                       .merges = merges,
                       .n_merges = n_merges,
                       .bos = -1,
                       .eos = -1,
                       .unk = n > 3 ? 2 : -1,
                       .pad = -1,
                       .add_space_prefix = n % 2,
                       .keep_case = n % 3 == 0,
                       .keep_accents = n % 5 == 0,
                       .keep_whitespace = n % 7 == 0,
                       .charsmap = (const uint8_t *)text.at,
                       .n_charsmap = n % 4 == 0 ? text.n : 0 };
        fr_tokenizer *t = NULL;
        if (fr_tokenizer_new(&v, &t, NULL) == 0)
            comes_back(t, text, false);
        fr_tokenizer_free(t);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static fr_tokenizer *gpt2, *llama3, *other, *spm;
    if (gpt2 == NULL) {
        gpt2 = byte_level("gpt-2");
        llama3 = byte_level("llama-bpe");
        other = byte_level("default");
        spm = sentencepiece();
    }
    fr_str text = { (const char *)bytes, n };
    comes_back(gpt2, text, true);
    comes_back(llama3, text, true);
    comes_back(other, text, true);
    /* U+2581 in a text is a space afterwards: that one does not come back */
    size_t at = 0;
    comes_back(spm, text, !fr_str_find(text, FR_STR("\xE2\x96\x81"), &at));
    any_vocabulary(text);
    return 0;
}
