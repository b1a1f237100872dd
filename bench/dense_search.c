/* bench/dense_search.c: searches vectors for bench/dense_vs_faiss.py.
 *
 *     cc -O2 -std=gnu17 -D_GNU_SOURCE -Isrc -Iinclude bench/dense_search.c build/libfrugal_core.a \
 *         $(pkg-config --libs sqlite3 jansson yaml-0.1 libpcre2-8 libutf8proc) -lm -ldl -lpthread
 * -o build/dense_search dense_search ROWS.f32 QUESTIONS.f32 DIM K METRIC CODES HITS.i64 [exact]
 *
 * One thread. Writes the ids that were found and tells the CPU-seconds of building and searching.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "rag/vectors.h"

static void need(int rc, const fr_err *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "dense_search: %s\n", err->what);
    exit(1);
}

int main(int argc, char **argv)
{
    fr_err err = { 0 };
    if (argc < 8)
        return 2;
    FR_AUTO(fr_map) rows = { 0 };
    FR_AUTO(fr_map) questions = { 0 };
    need(fr_map_open(argv[1], &rows, &err), &err);
    need(fr_map_open(argv[2], &questions, &err), &err);
    size_t dim = (size_t)atol(argv[3]), k = (size_t)atol(argv[4]);
    size_t n = rows.size_bytes / dim / sizeof(float),
           n_questions = questions.size_bytes / dim / sizeof(float);
    fr_vectors_spec spec = { .dim = dim, .codes = fr_codes_find(fr_str_of(argv[6])) };
    for (int m = FR_METRIC_COSINE; m <= FR_METRIC_L2; m++) {
        if (strcmp(fr_metric_kind_name((fr_metric_kind)m), argv[5]) == 0)
            spec.metric = (fr_metric_kind)m;
    }
    int64_t *ids = FR_NEW_N(int64_t, FR_MAX(n, n_questions * k));
    for (size_t i = 0; i < n; i++)
        ids[i] = (int64_t)i;
    FR_AUTOPTR(fr_vectors) v = NULL;
    need(fr_vectors_new(&spec, &v, &err), &err);
    double begin_s = fr_cpu_self_s();
    need(fr_vectors_add(v, ids, (const float *)(const void *)rows.at, n, &err), &err);
    need(fr_vectors_build(v, NULL, &err), &err);
    double build_s = fr_cpu_self_s() - begin_s;
    fr_vectors_options o = { .exact = argc > 8 };
    fr_vector_hit *hits = FR_NEW_N(fr_vector_hit, n_questions * k);
    size_t *found = FR_NEW_N(size_t, n_questions);
    double best_s = 1e9;
    for (int round = 0; round < 3; round++) {
        begin_s = fr_cpu_self_s();
        for (size_t i = 0; i < n_questions; i++) /* one by one, as they come to a server */
            need(fr_vectors_search(v, (const float *)(const void *)questions.at + i * dim, 1, k, &o,
                                   NULL, hits + i * k, found + i, &err),
                 &err);
        best_s = FR_MIN(best_s, fr_cpu_self_s() - begin_s);
    }
    for (size_t i = 0; i < n_questions; i++)
        for (size_t h = 0; h < k; h++)
            ids[i * k + h] = h < found[i] ? hits[i * k + h].id : -1;
    need(
        fr_file_write(argv[7], (fr_str){ (const char *)ids, n_questions * k * sizeof(*ids) }, &err),
        &err);
    printf("{\"build_cpu_s\": %.3f, \"search_cpu_s\": %.6f, \"lists\": %zu}\n", build_s, best_s,
           fr_vectors_n_lists(v));
    free(ids);
    free(hits);
    free(found);
    return 0;
}
