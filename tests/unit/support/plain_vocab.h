/* A vocabulary as lines of text, as tests/fixtures/text/make_golden.py writes them:
 *
 *     kind bpe                  or spm, wordpiece, unigram
 *     pre gpt-2                 bpe only
 *     bos 1                     eos, unk, pad likewise; absent: none
 *     add_bos 1                 add_eos, add_space_prefix, keep_case, keep_accents,
 *                               keep_whitespace likewise; absent: 0
 *     charsmap HEX              unigram only
 *     token TYPE SCORE HEX      in order of ids; HEX is the text as a model file has it
 *     merge HEX                 best first; HEX is "left right"
 */
#ifndef FR_TEST_PLAIN_VOCAB_H
#define FR_TEST_PLAIN_VOCAB_H

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "text/tokenizer.h"

static inline char *unhex(fr_str hex, size_t *n)
{
    char *out = fr_array(hex.n / 2 + 1, 1);
    *n = hex.n / 2;
    for (size_t i = 0; i < *n; i++) {
        char two[3] = { hex.at[2 * i], hex.at[2 * i + 1], 0 };
        out[i] = (char)strtol(two, NULL, 16);
    }
    return out;
}

static inline fr_vocab_kind plain_kind(fr_str name)
{
    return fr_str_is(name, "bpe")         ? FR_VOCAB_BPE
           : fr_str_is(name, "wordpiece") ? FR_VOCAB_WORDPIECE
           : fr_str_is(name, "unigram")   ? FR_VOCAB_UNIGRAM
                                          : FR_VOCAB_SPM;
}

/* NULL when the file is not there. instead: a pre-tokenizer instead of the file's own, or NULL. */
static inline fr_tokenizer *plain_vocab_open_as(const char *path, const char *instead, fr_err *err)
{
    fr_buf text = { 0 };
    if (fr_file_read(path, (size_t)1 << 28, &text, err) != 0) {
        fr_buf_fini(&text);
        return NULL;
    }
    fr_vocab v = { .bos = -1, .eos = -1, .unk = -1, .pad = -1 };
    char pre[64] = "";
    fr_str *tokens = NULL, *merges = NULL;
    float *scores = NULL;
    uint8_t *types = NULL;
    size_t cap = 0, scores_cap = 0, types_cap = 0, merges_cap = 0, n_scores = 0, n_types = 0;
    fr_str rest = fr_buf_str(&text), line;
    while (fr_str_next(&rest, '\n', &line)) {
        fr_str word, field = line;
        fr_str_next(&field, ' ', &word);
        long long number = 0;
        fr_str_to_i64(field, &number);
        if (fr_str_is(word, "kind")) {
            v.kind = plain_kind(field);
        } else if (fr_str_is(word, "pre") && field.n < sizeof(pre)) {
            memcpy(pre, field.at, field.n);
            v.pre = pre;
        } else if (fr_str_is(word, "bos")) {
            v.bos = (int32_t)number;
        } else if (fr_str_is(word, "eos")) {
            v.eos = (int32_t)number;
        } else if (fr_str_is(word, "unk")) {
            v.unk = (int32_t)number;
        } else if (fr_str_is(word, "pad")) {
            v.pad = (int32_t)number;
        } else if (fr_str_is(word, "add_bos")) {
            v.add_bos = number != 0;
        } else if (fr_str_is(word, "add_eos")) {
            v.add_eos = number != 0;
        } else if (fr_str_is(word, "add_space_prefix")) {
            v.add_space_prefix = number != 0;
        } else if (fr_str_is(word, "keep_case")) {
            v.keep_case = number != 0;
        } else if (fr_str_is(word, "keep_accents")) {
            v.keep_accents = number != 0;
        } else if (fr_str_is(word, "keep_whitespace")) {
            v.keep_whitespace = number != 0;
        } else if (fr_str_is(word, "charsmap")) {
            v.charsmap = (uint8_t *)unhex(field, &v.n_charsmap);
        } else if (fr_str_is(word, "token")) {
            fr_str type, score;
            double score_value = 0;
            fr_str_next(&field, ' ', &type);
            fr_str_next(&field, ' ', &score);
            fr_str_to_i64(type, &number);
            fr_str_to_f64(score, &score_value);
            FR_GROW(tokens, v.n, cap);
            FR_GROW(scores, n_scores, scores_cap);
            FR_GROW(types, n_types, types_cap);
            scores[n_scores++] = (float)score_value;
            types[n_types++] = (uint8_t)number;
            tokens[v.n].at = unhex(field, &tokens[v.n].n);
            v.n++;
        } else if (fr_str_is(word, "merge")) {
            FR_GROW(merges, v.n_merges, merges_cap);
            merges[v.n_merges].at = unhex(field, &merges[v.n_merges].n);
            v.n_merges++;
        }
    }
    v.tokens = tokens;
    v.scores = scores;
    v.types = types;
    v.merges = merges;
    if (instead != NULL)
        v.pre = instead;
    fr_tokenizer *t = NULL;
    fr_tokenizer_new(&v, &t, err);
    for (size_t i = 0; i < v.n; i++)
        free((char *)tokens[i].at);
    for (size_t i = 0; i < v.n_merges; i++)
        free((char *)merges[i].at);
    free(tokens);
    free(scores);
    free(types);
    free(merges);
    free((void *)v.charsmap);
    fr_buf_fini(&text);
    return t;
}

static inline fr_tokenizer *plain_vocab_open(const char *path, fr_err *err)
{
    return plain_vocab_open_as(path, NULL, err);
}

#endif
