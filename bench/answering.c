/* bench/answering.c: the traditional rung for questions: retrieve, then extract.
 *
 *     answering DOCUMENTS QUESTIONS.jsonl [K]
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "classic/classic.h"
#include "quality/quality.h"
#include "rag/rag.h"

#define K_MAX 20

int main(int argc, char **argv)
{
    fr_err err = { 0 };
    fr_documents documents = { 0 };
    fr_index *index = NULL;
    fr_buf rows = { 0 };
    char *path = fr_dup_f("/tmp/frugal-answering-%d.db", (int)getpid());
    if (argc < 3 || fr_documents_load(argv[1], &documents, &err) != 0 ||
        fr_index_build(path, documents.at, documents.n, NULL, &err) != 0 ||
        fr_index_open(path, &index, &err) != 0 ||
        fr_file_read(argv[2], (size_t)1 << 28, &rows, &err) != 0) {
        fprintf(stderr, "%s\n",
                argc < 3 ? "usage: answering DOCUMENTS QUESTIONS.jsonl [K]" : err.what);
        return 2;
    }
    size_t k = argc > 3 ? (size_t)atoi(argv[3]) : 3, n = 0;
    double f1 = 0.0, em = 0.0, begin_s = fr_cpu_self_s();
    fr_str rest = fr_buf_str(&rows), line;
    while (fr_str_next(&rest, '\n', &line)) {
        json_t *row = json_loadb(line.at, line.n, 0, NULL);
        if (row == NULL)
            continue;
        fr_str question = fr_str_of(json_string_value(json_object_get(row, "input")));
        fr_str gold = fr_str_of(json_string_value(json_object_get(row, "output")));
        FR_AUTO(fr_hits) hits = { 0 };
        FR_AUTO(fr_buf) out = { 0 };
        fr_str passages[K_MAX];
        fr_index_search(index, question, k < K_MAX ? k : K_MAX, &hits, NULL);
        for (size_t i = 0; i < hits.n; i++)
            passages[i] = fr_str_of(hits.at[i].text);
        fr_extract_answer(NULL, question, passages, hits.n, fr_index_idf, index, &out);
        double right = fr_metric_find("exact-match")->score(fr_buf_str(&out), gold);
        f1 += fr_metric_find("token-f1")->score(fr_buf_str(&out), gold);
        em += right;
        n++;
        if (getenv("SHOW") != NULL && right == 0.0)
            printf("%.*s | %s | %.*s\n", FR_STR_F(question), fr_buf_text(&out), FR_STR_F(gold));
        json_decref(row);
    }
    printf("{\"questions\": %zu, \"exact_match\": %.4f, \"token_f1\": %.4f, \"cpu_us\": %.0f}\n", n,
           em / (double)n, f1 / (double)n, (fr_cpu_self_s() - begin_s) * 1e6 / (double)n);
    unlink(path);
    return 0;
}
