/* bench/mask.c: what it costs to know which tokens a schema allows next.
 *
 *     mask VOCAB.gguf [PIECES]      PIECES: the vocabulary is filled up to so many with pairs of
 * its own
 *
 * Texts that follow a schema are cut into the vocabulary's tokens; for each token the mask is asked
 * for, put on a row of logits, and the token taken, as in a step of generation. A matcher begins
 * anew with each text (a request), so that states are met for the first time as often as in use.
 * CPU time of the thread.
 *
 *     cc -O2 -Iinclude -Isrc bench/mask.c build/libfrugal_core.a $(pkg-config --libs …) -lm -ldl
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/random.h"
#include "model/model.h"
#include "text/schema.h"

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static const struct {
    const char *name, *schema, *text;
} CASES[] = {
    { "record",
      "{\"type\":\"object\",\"properties\":{\"title\":{\"type\":\"string\"},\"kind\":{\"enum\":["
      "\"bug\","
      "\"feature\",\"question\"]},\"urgent\":{\"type\":\"boolean\"},\"hours\":{\"type\":\"number\","
      "\"minimum\":0},\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"summary\":{"
      "\"type\":"
      "\"string\"}},\"required\":[\"title\",\"kind\",\"urgent\",\"hours\",\"tags\",\"summary\"]}",
      "{\"title\": \"The report is empty when the ledger was moved\", \"kind\": \"bug\", "
      "\"urgent\": false, "
      "\"hours\": 2.5, \"tags\": [\"report\", \"ledger\", \"paths\"], \"summary\": \"After the "
      "folder of the "
      "ledger was moved to another disk, the report shows no runs at all and does not say why. It "
      "should "
      "name the file that it looked for.\"}" },
    { "bounded strings",
      "{\"type\":\"object\",\"properties\":{\"title\":{\"type\":\"string\",\"maxLength\":80},"
      "\"summary\":{"
      "\"type\":\"string\",\"minLength\":10,\"maxLength\":400}},\"required\":[\"title\","
      "\"summary\"]}",
      "{\"title\": \"The report is empty when the ledger was moved\", \"summary\": \"After the "
      "folder of "
      "the ledger was moved to another disk, the report shows no runs at all and does not say why. "
      "It "
      "should name the file that it looked for.\"}" },
    { "any JSON", "{}",
      "{\"a\": [1, 2.5, {\"b\": null, \"text\": \"Some words that a model may well write\"}], "
      "\"list\": "
      "[\"red\", \"green\", \"blue\", [true, false, [\"deep\"]]], \"n\": -12.75e3, \"last\": \"and "
      "so on, until "
      "it is full\"}" },
    { "tree",
      "{\"$ref\":\"#/$defs/"
      "n\",\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":"
      "\"string\"},\"children\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/"
      "n\"}}},\"required\":["
      "\"name\",\"children\"]}}}",
      "{\"name\": \"root\", \"children\": [{\"name\": \"left branch\", \"children\": []}, "
      "{\"name\": \"right "
      "branch\", \"children\": [{\"name\": \"a leaf\", \"children\": []}, {\"name\": \"another "
      "leaf\", "
      "\"children\": []}]}]}" },
};

static void measure(const fr_tokenizer *t, const fr_pieces *order, const fr_str *pieces, size_t n,
                    size_t i)
{
    enum { TIMES = 10 };
    FR_AUTOPTR(fr_grammar) g = NULL;
    fr_err err = { 0 };
    fr_ids ids = { 0 };
    float *logits = FR_NEW_N(float, n);
    double total = 0, worst = 0, reading = cpu_us();
    if (fr_schema_parse(fr_str_of(CASES[i].schema), &g, &err) != 0 ||
        fr_tokenizer_encode(t, fr_str_of(CASES[i].text), 0, &ids, &err) != 0) {
        fprintf(stderr, "%s\n", err.what);
        exit(1);
    }
    reading = cpu_us() - reading;
    size_t from = ids.n > 0 && pieces[ids.at[0]].n == 1 && pieces[ids.at[0]].at[0] == ' '; /* SPM */
    for (int k = 0; k < TIMES; k++) {
        fr_matcher *m = fr_matcher_new(g);
        for (size_t at = from; at < ids.n; at++) {
            fr_str piece = pieces[ids.at[at]];
            if (at == 0 && piece.n > 1 && piece.at[0] == ' ')
                piece = (fr_str){ piece.at + 1, piece.n - 1 };
            double begin = cpu_us();
            size_t n_allowed;
            const uint64_t *allowed = fr_matcher_allowed(m, order, &n_allowed);
            for (size_t w = 0; w < n; w++) {
                if (!((allowed[w / 64] >> (w % 64)) & 1))
                    logits[w] = -INFINITY;
            }
            bool went = fr_matcher_take(m, piece);
            double took = cpu_us() - begin;
            if (!went) {
                fprintf(stderr, "%s: token %zu '%.*s' is not allowed\n", CASES[i].name, at,
                        FR_STR_F(piece));
                exit(1);
            }
            total += took;
            worst = FR_MAX(worst, took);
        }
        fr_matcher_free(m);
    }
    printf("%-16s %6zu tokens %8.1f us a token %8.1f at most   (schema and text read in %.0f us)\n",
           CASES[i].name, ids.n, total / TIMES / (double)ids.n, worst, reading);
    free(logits);
    fr_ids_fini(&ids);
}

int main(int argc, char **argv)
{
    fr_tokenizer *t = NULL;
    fr_err err = { 0 };
    if (argc < 2 || fr_model_vocab_open(argv[1], &t, &err) != 0) {
        fprintf(stderr, "usage: mask VOCAB.gguf [PIECES]\n%s\n", err.what);
        return 1;
    }
    size_t own = fr_tokenizer_n_vocab(t), n = argc > 2 ? strtoull(argv[2], NULL, 10) : own;
    n = FR_MAX(n, own);
    fr_str *pieces = FR_NEW_N(fr_str, n);
    for (size_t i = 0; i < own; i++)
        pieces[i] =
            fr_tokenizer_is_control(t, (int32_t)i) ? FR_STR("") : fr_tokenizer_piece(t, (int32_t)i);
    for (size_t i = own; i < n; i++) {
        fr_str a = pieces[fr_random_below(own, 1, FR_RANDOM_TEST, 0, i)],
               b = pieces[fr_random_below(own, 1, FR_RANDOM_TEST, 1, i)];
        fr_buf both = { 0 };
        fr_buf_put_str(&both, a);
        fr_buf_put_str(&both, b);
        pieces[i] = (fr_str){ .n = both.n, .at = fr_buf_take(&both) };
    }
    double begin = cpu_us();
    fr_pieces *order = fr_pieces_new(pieces, n);
    printf("%zu pieces, put in order once in %.1f ms\n", n, (cpu_us() - begin) * 1e-3);
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++)
        measure(t, order, pieces, n, i);
    fr_pieces_free(order);
    for (size_t i = own; i < n; i++)
        free((char *)(uintptr_t)pieces[i].at);
    free(pieces);
    fr_tokenizer_free(t);
    return 0;
}
