/* bench/retrieval.c: how often the paragraph that a question was asked about is found.
 *
 *     retrieval SQUAD.json [CHUNK_CHARS]
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "classic/classic.h"
#include "quality/quality.h"
#include "rag/rag.h"

#define K 5
typedef struct {
    size_t n, at_1, at_5;
    double f1, em, search_s, extract_s;
} tally;

static void ask(fr_index *index, const json_t *qa, const char *right, tally *t)
{
    FR_AUTO(fr_hits) hits = { 0 };
    fr_str question = fr_str_of(json_string_value(json_object_get(qa, "question")));
    double begin_s = fr_cpu_self_s();
    if (fr_index_search(index, question, K, &hits, NULL) != 0)
        abort();
    t->search_s += fr_cpu_self_s() - begin_s;
    t->n++;
    bool found = false;
    fr_str passages[K];
    for (size_t i = 0; i < hits.n; i++) {
        found |= strcmp(hits.at[i].source, right) == 0;
        t->at_1 += i == 0 && found;
        passages[i] = fr_str_of(hits.at[i].text);
    }
    t->at_5 += found;
    FR_AUTO(fr_buf) out = { 0 };
    begin_s = fr_cpu_self_s();
    fr_extract_answer(NULL, question, passages, hits.n, fr_index_idf, index, &out);
    t->extract_s += fr_cpu_self_s() - begin_s;
    double f1 = 0.0, em = 0.0;
    json_t *answers = json_object_get(qa, "answers");
    for (size_t a = 0; a < json_array_size(answers); a++) {
        fr_str gold =
            fr_str_of(json_string_value(json_object_get(json_array_get(answers, a), "text")));
        f1 = fmax(f1, fr_metric_find("token-f1")->score(fr_buf_str(&out), gold));
        em = fmax(em, fr_metric_find("exact-match")->score(fr_buf_str(&out), gold));
    }
    t->f1 += f1;
    t->em += em;
}

int main(int argc, char **argv)
{
    json_t *file = argc > 1 ? json_load_file(argv[1], 0, NULL) : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: retrieval SQUAD.json [CHUNK_CHARS]\n");
        return 2;
    }
    fr_document *documents = NULL;
    size_t n = 0, cap = 0, a, i, j;
    json_t *article, *paragraph, *qa;
    json_array_foreach(json_object_get(file, "data"), a, article)
    {
        json_array_foreach(json_object_get(article, "paragraphs"), i, paragraph)
        {
            FR_GROW(documents, n, cap);
            fr_document d = { .id = fr_str_of(fr_dup_f("%04zu", n)),
                              .text = fr_str_of(
                                  json_string_value(json_object_get(paragraph, "context"))) };
            documents[n++] = d;
        }
    }
    fr_err err = { 0 };
    char *path = fr_dup_f("/tmp/frugal-retrieval-%d.db", (int)getpid());
    fr_index *index = NULL;
    fr_index_options options = { .chunk_chars = argc > 2 ? (size_t)atoi(argv[2]) : 0 };
    if (fr_index_build(path, documents, n, &options, &err) != 0 ||
        fr_index_open(path, &index, &err) != 0) {
        fprintf(stderr, "%s\n", err.what);
        return 1;
    }
    tally t = { 0 };
    size_t document = 0;
    json_array_foreach(json_object_get(file, "data"), a, article)
    {
        json_array_foreach(json_object_get(article, "paragraphs"), i, paragraph)
        {
            json_array_foreach(json_object_get(paragraph, "qas"), j, qa)
                ask(index, qa, documents[document].id.at, &t);
            document++;
        }
    }
    printf("{\"documents\": %zu, \"chunks\": %zu, \"questions\": %zu, \"recall_at_1\": %.4f, "
           "\"recall_at_5\": %.4f, \"token_f1\": %.4f, \"exact_match\": %.4f, \"search_us\": %.0f, "
           "\"extract_us\": %.0f}\n",
           n, fr_index_n_chunks(index), t.n, (double)t.at_1 / (double)t.n,
           (double)t.at_5 / (double)t.n, t.f1 / (double)t.n, t.em / (double)t.n,
           t.search_s * 1e6 / (double)t.n, t.extract_s * 1e6 / (double)t.n);
    fr_index_free(index);
    unlink(path);
    return 0;
}
