/* vectors_test.c: the nearest vectors, held against sorting all of them in double precision. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "fixture.h"
#include "rag/vectors_priv.h"

enum { DIM = 24, K = 10 };

typedef struct {
    char dir[64];
    char file[96];
} place;

static int make_place(void **state)
{
    place *p = FR_NEW(place);
    snprintf(p->dir, sizeof(p->dir), "/tmp/frugal-vectors-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->file, sizeof(p->file), "%s/some.vectors", p->dir);
    *state = p;
    return 0;
}

static int clear_place(void **state)
{
    place *p = *state;
    char *command = fr_dup_f("rm -rf '%s'", p->dir);
    int rc = system(command);
    free(command);
    free(p);
    return rc;
}

static float normal(uint64_t stream, uint64_t i)
{
    return (float)fr_random_normal(11, FR_RANDOM_TEST, stream, i);
}

/* Rows around `clusters` centres; ids are 3, 5, 7… so that a row's number is not its id. */
static void make_rows(size_t n, size_t dim, size_t clusters, uint64_t stream, float **rows,
                      int64_t **ids)
{
    *rows = FR_NEW_N(float, n *dim);
    *ids = FR_NEW_N(int64_t, n);
    for (size_t i = 0; i < n; i++) {
        size_t cluster = (size_t)fr_random_below(clusters, 12, FR_RANDOM_TEST, stream, i);
        for (size_t d = 0; d < dim; d++)
            (*rows)[i * dim + d] =
                normal(100, cluster * dim + d) + 0.6f * normal(stream, i * dim + d);
        (*ids)[i] = (int64_t)(3 + 2 * i);
    }
}

static fr_vectors *set_of(const float *rows, const int64_t *ids, size_t n, size_t dim,
                          fr_metric_kind metric, fr_codes codes)
{
    fr_vectors_spec spec = { .dim = dim, .metric = metric, .codes = codes };
    fr_vectors *v = NULL;
    fr_err err = { 0 };
    if (fr_vectors_new(&spec, &v, &err) != 0 || fr_vectors_add(v, ids, rows, n, &err) != 0 ||
        fr_vectors_build(v, NULL, &err) != 0)
        fail_msg("%s", err.what);
    return v;
}

static double exact_score(const float *a, const float *b, size_t dim, fr_metric_kind metric)
{
    double dot = 0.0, aa = 0.0, bb = 0.0, apart = 0.0;
    for (size_t d = 0; d < dim; d++) {
        double x = (double)a[d], y = (double)b[d];
        dot += x * y;
        aa += x * x;
        bb += y * y;
        apart += (x - y) * (x - y);
    }
    return metric == FR_METRIC_L2 ? -apart : metric == FR_METRIC_DOT ? dot : dot / sqrt(aa * bb);
}

/* How many of all n rows are better than what a hit's score says, rounding aside. */
static size_t n_better(const float *q, const float *rows, size_t n, size_t dim,
                       fr_metric_kind metric, double score)
{
    size_t better = 0;
    for (size_t i = 0; i < n; i++)
        better += exact_score(q, rows + i * dim, dim, metric) > score + 1e-5 * (1.0 + fabs(score));
    return better;
}

static void exact_search_finds_what_sorting_all_finds_for_every_metric_and_code(void **state)
{
    (void)state;
    enum { N = 700, QUESTIONS = 20 };
    float *rows, *questions;
    int64_t *ids, *unused;
    make_rows(N, DIM, 9, 1, &rows, &ids);
    make_rows(QUESTIONS, DIM, 9, 2, &questions, &unused);
    for (int metric = FR_METRIC_COSINE; metric <= FR_METRIC_L2; metric++)
        for (int codes = FR_CODES_AUTO; codes < FR_CODES_COUNT; codes++) {
            FR_AUTOPTR(fr_vectors)
            v = set_of(rows, ids, N, DIM, (fr_metric_kind)metric, (fr_codes)codes);
            fr_vector_hit hits[QUESTIONS * K];
            size_t found[QUESTIONS];
            fr_vectors_options o = { .exact = true };
            assert_int_equal(
                fr_vectors_search(v, questions, QUESTIONS, K, &o, NULL, hits, found, NULL), 0);
            for (size_t i = 0; i < QUESTIONS; i++)
                for (size_t h = 0; h < K; h++) {
                    const float *q = questions + i * DIM;
                    fr_vector_hit hit = hits[i * K + h];
                    double score =
                        exact_score(q, rows + (hit.id - 3) / 2 * DIM, DIM, (fr_metric_kind)metric);
                    assert_int_equal(found[i], K);
                    assert_true(fabs(score - (double)hit.score) < 1e-4 * (1.0 + fabs(score)));
                    assert_true(n_better(q, rows, N, DIM, (fr_metric_kind)metric, score) <= h);
                }
        }
    free(rows);
    free(ids);
    free(questions);
    free(unused);
}

static double recall_of(const fr_vectors *v, const float *questions, size_t n, fr_pool *pool)
{
    fr_vectors_options exact = { .exact = true };
    fr_vector_hit *truth = FR_NEW_N(fr_vector_hit, n * K), *hits = FR_NEW_N(fr_vector_hit, n * K);
    size_t *found = FR_NEW_N(size_t, n), same = 0;
    assert_int_equal(fr_vectors_search(v, questions, n, K, &exact, pool, truth, found, NULL), 0);
    assert_int_equal(fr_vectors_search(v, questions, n, K, NULL, pool, hits, found, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(found[i], K);
        for (size_t a = 0; a < K; a++)
            for (size_t b = 0; b < K; b++)
                same += truth[i * K + a].id == hits[i * K + b].id;
    }
    free(truth);
    free(hits);
    free(found);
    return (double)same / (double)(n * K);
}

/* In lists, with bounds that a trial has set; once with structure and once without any. */
static void lists_and_codes_keep_recall_at_99_percent(void **state)
{
    (void)state;
    enum { N = FR_VECTORS_LISTS_FROM, QUESTIONS = 100 };
    static const size_t CLUSTERS[] = { 200, 1 };
    for (size_t c = 0; c < FR_COUNT_OF(CLUSTERS); c++) {
        float *rows, *questions;
        int64_t *ids, *unused;
        make_rows(N, DIM, CLUSTERS[c], 1, &rows, &ids);
        make_rows(QUESTIONS, DIM, CLUSTERS[c], 2, &questions, &unused);
        for (int codes = FR_CODES_AUTO; codes < FR_CODES_COUNT; codes++) {
            if (c > 0 && codes != FR_CODES_AUTO)
                continue;
            FR_AUTOPTR(fr_vectors)
            v = set_of(rows, ids, N, DIM, c > 0 ? FR_METRIC_COSINE : FR_METRIC_L2, (fr_codes)codes);
            double recall = recall_of(v, questions, QUESTIONS, NULL);
            if (recall < 0.99)
                fail_msg("%s, %zu clusters: recall@10 %.4f", fr_codes_name((fr_codes)codes),
                         CLUSTERS[c], recall);
            assert_int_equal(fr_vectors_n_lists(v) > 1, codes == FR_CODES_AUTO);
        }
        free(rows);
        free(ids);
        free(questions);
        free(unused);
    }
}

typedef struct {
    uint64_t share, seed; /* of a thousand */
} chance;

static bool by_chance(void *user, int64_t id)
{
    const chance *c = user;
    return fr_random_below(1000, c->seed, FR_RANDOM_TEST, 77, (uint64_t)id) < c->share;
}

static bool is_the_last(void *user, int64_t id)
{
    return id == *(int64_t *)user;
}

/* The property: as many hits as exist, up to k; all of them wanted; none twice; best first. */
static void a_filter_of_any_selectivity_gives_k_hits_when_k_exist(void **state)
{
    (void)state;
    enum { N = FR_VECTORS_LISTS_FROM, MANY = 50 };
    float *rows;
    int64_t *ids;
    make_rows(N, DIM, 100, 1, &rows, &ids);
    static const uint64_t SHARES[] = { 0, 1, 2, 7, 30, 64, 120, 400, 990, 1000 };
    for (int codes = FR_CODES_AUTO; codes < FR_CODES_COUNT; codes++) {
        FR_AUTOPTR(fr_vectors) v = set_of(rows, ids, N, DIM, FR_METRIC_L2, (fr_codes)codes);
        for (size_t s = 0; s < FR_COUNT_OF(SHARES); s++) {
            chance c = { SHARES[s], s };
            size_t wanted = 0, found;
            for (size_t i = 0; i < N; i++)
                wanted += by_chance(&c, ids[i]);
            fr_vectors_options o = { .keep = by_chance, .user = &c };
            fr_vector_hit hits[MANY];
            assert_int_equal(
                fr_vectors_search(v, rows + s * DIM, 1, MANY, &o, NULL, hits, &found, NULL), 0);
            assert_int_equal(found, FR_MIN(wanted, (size_t)MANY));
            for (size_t i = 0; i < found; i++) {
                assert_true(by_chance(&c, hits[i].id));
                assert_true(i == 0 || hits[i - 1].score >= hits[i].score);
                for (size_t j = 0; j < i; j++)
                    assert_true(hits[j].id != hits[i].id);
            }
        }
        int64_t last = ids[N - 1];
        fr_vectors_options o = { .keep = is_the_last, .user = &last };
        fr_vector_hit hit;
        size_t found;
        fr_vectors_search(v, rows, 1, 1, &o, NULL, &hit, &found, NULL);
        assert_int_equal(found, 1);
        assert_int_equal(hit.id, last);
    }
    free(rows);
    free(ids);
}

static void hits_do_not_depend_on_threads_or_on_company(void **state)
{
    (void)state;
    enum { N = FR_VECTORS_LISTS_FROM, QUESTIONS = 33 };
    float *rows;
    int64_t *ids;
    make_rows(N, DIM, 40, 1, &rows, &ids);
    FR_AUTOPTR(fr_vectors) one = set_of(rows, ids, N, DIM, FR_METRIC_COSINE, FR_CODES_AUTO);
    FR_AUTOPTR(fr_pool) pool = NULL;
    assert_int_equal(fr_pool_new(3, &pool, NULL), 0);
    FR_AUTOPTR(fr_vectors) three = NULL;
    fr_vectors_spec spec = fr_vectors_built_with(one);
    assert_int_equal(fr_vectors_new(&spec, &three, NULL), 0);
    assert_int_equal(fr_vectors_add(three, ids, rows, N, NULL), 0);
    assert_int_equal(fr_vectors_build(three, pool, NULL), 0);
    assert_int_equal(one->head.bytes, three->head.bytes);
    assert_memory_equal(one->built, three->built, one->head.bytes);
    fr_vector_hit together[QUESTIONS * K], alone[K];
    size_t found[QUESTIONS], n;
    fr_vectors_search(three, rows, QUESTIONS, K, NULL, pool, together, found, NULL);
    for (size_t i = 0; i < QUESTIONS; i++) {
        fr_vectors_search(one, rows + i * DIM, 1, K, NULL, NULL, alone, &n, NULL);
        assert_int_equal(n, found[i]);
        for (size_t h = 0; h < n; h++) {
            assert_int_equal(alone[h].id, together[i * K + h].id);
            assert_memory_equal(&alone[h].score, &together[i * K + h].score, sizeof(float));
        }
        assert_int_equal(alone[0].id, ids[i]);
    }
    free(rows);
    free(ids);
}

/* Two directions in which every vector lies far out, to one side or the other: a step of the codes
 * is then larger than all that tells the vectors of a corner apart. */
static void whole_number_codes_are_refused_where_outliers_leave_them_blind(void **state)
{
    (void)state;
    enum { N = 4000 };
    float *rows;
    int64_t *ids;
    make_rows(N, DIM, 1, 1, &rows, &ids);
    for (size_t i = 0; i < N; i++)
        for (size_t d = 0; d < 2; d++)
            rows[i * DIM + d] = (i >> d & 1) != 0 ? 3000.0f : -3000.0f;
    fr_vectors_spec spec = { .dim = DIM, .metric = FR_METRIC_L2, .codes = FR_CODES_INT8 };
    FR_AUTOPTR(fr_vectors) v = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_vectors_new(&spec, &v, NULL), 0);
    assert_int_equal(fr_vectors_add(v, ids, rows, N, NULL), 0);
    assert_int_equal(fr_vectors_build(v, NULL, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "whole-number codes"));
    assert_non_null(strstr(err.hint, "f32"));
    /* what was added is still there, and other codes take it */
    FR_AUTOPTR(fr_vectors) floats = set_of(rows, ids, N, DIM, FR_METRIC_L2, FR_CODES_F32);
    assert_true(recall_of(floats, rows, 20, NULL) == 1.0);
    assert_int_equal(fr_vectors_n(v), N);
    free(rows);
    free(ids);
}

static void vectors_without_direction_or_number_are_refused_by_id(void **state)
{
    (void)state;
    float rows[3 * DIM];
    int64_t ids[3] = { 7, 8, 9 };
    for (size_t i = 0; i < 3 * DIM; i++)
        rows[i] = normal(5, i);
    fr_vectors_spec spec = { .dim = DIM, .metric = FR_METRIC_COSINE };
    FR_AUTOPTR(fr_vectors) v = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_vectors_new(&spec, &v, NULL), 0);
    rows[DIM + 3] = NAN;
    assert_int_equal(fr_vectors_add(v, ids, rows, 3, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "id 8 has a NaN"));
    assert_int_equal(fr_vectors_n(v), 0);
    memset(rows + DIM, 0, DIM * sizeof(float));
    assert_int_equal(fr_vectors_add(v, ids, rows, 3, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "id 8 has only zeros"));
    rows[2 * DIM] = INFINITY;
    fr_vector_hit hit;
    size_t found;
    assert_int_equal(fr_vectors_search(v, rows + 2 * DIM, 1, 1, NULL, NULL, &hit, &found, &err),
                     FR_E_USAGE);
    assert_int_equal(fr_vectors_search(v, rows, 1, 1, NULL, NULL, &hit, &found, &err), 0);
    assert_int_equal(found, 0); /* an empty set has no nearest */
    spec.dim = 0;
    fr_vectors *none = NULL;
    assert_int_equal(fr_vectors_new(&spec, &none, &err), FR_E_USAGE);
    spec.dim = FR_VECTORS_DIM_MAX + 1;
    assert_int_equal(fr_vectors_new(&spec, &none, &err), FR_E_USAGE);
}

static const fr_vectors_spec MINI = { .dim = DIM,
                                      .metric = FR_METRIC_COSINE,
                                      .model = "mini",
                                      .model_hash = "aaaa1111",
                                      .pooling = "mean",
                                      .normalization = "l2" };

static void what_was_committed_is_found_again_and_the_rest_is_not(void **state)
{
    place *p = *state;
    enum { N = 1000 };
    float *rows, kept[DIM];
    int64_t *ids;
    make_rows(N, DIM, 10, 1, &rows, &ids);
    fr_err err = { 0 };
    fr_vectors *v = NULL;
    assert_int_equal(fr_vectors_open(p->file, &MINI, FR_VECTORS_WRITE, &v, &err), 0);
    assert_int_equal(fr_vectors_add(v, ids, rows, N - 10, &err), 0);
    assert_int_equal(fr_vectors_commit(v, NULL, &err), 0); /* much: written anew */
    assert_int_equal(fr_vectors_remove(v, ids, 5), 5);
    assert_int_equal(fr_vectors_remove(v, ids, 5), 0);
    assert_int_equal(fr_vectors_add(v, ids + N - 10, rows + (N - 10) * DIM, 9, &err), 0);
    assert_int_equal(fr_vectors_add(v, ids + 20, rows, 1, &err), 0); /* another row for one id */
    assert_int_equal(fr_vectors_commit(v, NULL, &err), 0);           /* little: appended */
    assert_int_equal(fr_vectors_add(v, ids + N - 1, rows + (N - 1) * DIM, 1, &err), 0);
    assert_int_equal(fr_vectors_n(v), N - 5);
    fr_vectors_free(v); /* not committed */

    assert_int_equal(fr_vectors_open(p->file, NULL, FR_VECTORS_READ, &v, &err), 0);
    assert_int_equal(fr_vectors_n(v), N - 6);
    assert_false(fr_vectors_has(v, ids[2]));
    assert_true(fr_vectors_has(v, ids[N - 3]));
    assert_false(fr_vectors_has(v, ids[N - 1]));
    assert_string_equal(fr_vectors_built_with(v).model, "mini");
    assert_true(fr_vectors_get(v, ids[20], kept));
    assert_true(exact_score(kept, rows, DIM, FR_METRIC_COSINE) > 0.99999);
    fr_vector_hit hits[2];
    size_t found, n;
    fr_vectors_search(v, rows, 1, 2, NULL, NULL, hits, &found, NULL);
    assert_int_equal(hits[0].id, ids[20]);
    int64_t *all = fr_vectors_ids(v, &n);
    assert_int_equal(n, N - 6);
    assert_int_equal(all[0], ids[5]);
    free(all);
    assert_int_equal(fr_vectors_commit(v, NULL, &err), FR_E_USAGE);
    fr_vectors_free(v);
    free(rows);
    free(ids);
}

static void a_set_of_another_model_is_refused_and_both_are_named(void **state)
{
    place *p = *state;
    fr_vectors *v = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_vectors_open(p->file, &MINI, FR_VECTORS_READ, &v, &err), FR_E_NOT_FOUND);
    assert_int_equal(fr_vectors_open(p->file, &MINI, FR_VECTORS_WRITE, &v, &err), 0);
    fr_vectors_free(v);
    fr_vectors_spec other = MINI;
    other.model = "maxi";
    other.model_hash = "bbbb2222";
    assert_int_equal(fr_vectors_open(p->file, &other, FR_VECTORS_READ, &v, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "mini"));
    assert_non_null(strstr(err.what, "maxi"));
    other = MINI;
    other.pooling = "cls";
    assert_int_equal(fr_vectors_open(p->file, &other, FR_VECTORS_WRITE, &v, &err),
                     FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "mean"));
    other = MINI;
    other.dim = 7;
    assert_int_equal(fr_vectors_open(p->file, &other, FR_VECTORS_READ, &v, &err), FR_E_UNSUPPORTED);
    other = MINI;
    other.metric = FR_METRIC_DOT;
    assert_int_equal(fr_vectors_open(p->file, &other, FR_VECTORS_READ, &v, &err), FR_E_UNSUPPORTED);
    assert_null(v);
}

static void a_file_has_one_writer_and_readers_see_it_as_they_opened_it(void **state)
{
    place *p = *state;
    enum { N = 600 };
    float *rows;
    int64_t *ids;
    make_rows(N, DIM, 10, 1, &rows, &ids);
    fr_err err = { 0 };
    FR_AUTOPTR(fr_vectors) writer = NULL;
    FR_AUTOPTR(fr_vectors) reader = NULL;
    fr_vectors *second = NULL;
    assert_int_equal(fr_vectors_open(p->file, &MINI, FR_VECTORS_WRITE, &writer, &err), 0);
    assert_int_equal(fr_vectors_open(p->file, NULL, FR_VECTORS_WRITE, &second, &err), FR_E_BUSY);
    fr_vectors_add(writer, ids, rows, 100, NULL);
    assert_int_equal(fr_vectors_commit(writer, NULL, &err), 0);
    assert_int_equal(fr_vectors_open(p->file, NULL, FR_VECTORS_READ, &reader, &err), 0);
    fr_vectors_add(writer, ids, rows, N, NULL);
    assert_int_equal(fr_vectors_commit(writer, NULL, &err), 0); /* a new file in its place */
    assert_int_equal(fr_vectors_open(p->file, NULL, FR_VECTORS_WRITE, &second, &err), FR_E_BUSY);
    assert_int_equal(fr_vectors_n(reader), 100);
    fr_vector_hit hits[K];
    size_t found;
    fr_vectors_search(reader, rows, 1, K, NULL, NULL, hits, &found, NULL);
    assert_int_equal(found, K);
    assert_int_equal(fr_vectors_n(writer), N);
    free(rows);
    free(ids);
}

static void damaged_files_are_told_and_half_records_forgotten(void **state)
{
    place *p = *state;
    enum { N = 300 };
    float *rows;
    int64_t *ids;
    make_rows(N + 3, DIM, 10, 1, &rows, &ids);
    fr_vectors *v = NULL;
    fr_err err = { 0 };
    fr_vectors_open(p->file, &MINI, FR_VECTORS_WRITE, &v, NULL);
    fr_vectors_add(v, ids, rows, N, NULL);
    fr_vectors_commit(v, NULL, NULL);
    size_t image_bytes = (size_t)v->head.bytes;
    fr_vectors_add(v, ids + N, rows + N * DIM, 2, NULL);
    fr_vectors_commit(v, NULL, NULL);
    fr_vectors_free(v);
    FR_AUTO(fr_buf) whole = { 0 };
    assert_int_equal(fr_file_read(p->file, 1 << 24, &whole, NULL), 0);
    size_t record = 24 + DIM * sizeof(float);
    assert_int_equal(whole.n, image_bytes + 2 * record);
    /* cut inside the last record, and a byte of it wrong */
    for (int how = 0; how < 2; how++) {
        fr_buf part = { 0 };
        fr_buf_put(&part, whole.at, whole.n - (how == 0 ? 1 : 0));
        if (how == 1)
            part.at[part.n - 2] ^= 1;
        fr_file_write(p->file, fr_buf_str(&part), NULL);
        fr_buf_fini(&part);
        assert_int_equal(fr_vectors_open(p->file, NULL, FR_VECTORS_WRITE, &v, &err), 0);
        assert_int_equal(fr_vectors_n(v), N + 1);
        fr_vectors_add(v, ids + N + 2, rows + (N + 2) * DIM, 1, NULL);
        assert_int_equal(fr_vectors_commit(v, NULL, &err), 0);
        fr_vectors_free(v);
        assert_int_equal(fr_vectors_open(p->file, NULL, FR_VECTORS_READ, &v, &err), 0);
        assert_int_equal(fr_vectors_n(v), N + 2);
        assert_true(fr_vectors_has(v, ids[N + 2]));
        fr_vectors_free(v);
    }
    /* a head whose numbers are wrong, a file that ends too soon, a file of something else */
    for (size_t at = 0; at < 64; at += 4) {
        whole.at[at] ^= 8;
        fr_file_write(p->file, fr_buf_str(&whole), NULL);
        assert_true(fr_vectors_open(p->file, NULL, FR_VECTORS_READ, &v, &err) < 0);
        whole.at[at] ^= 8;
    }
    fr_file_write(p->file, (fr_str){ whole.at, image_bytes - 1 }, NULL);
    assert_int_equal(fr_vectors_open(p->file, NULL, FR_VECTORS_READ, &v, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "cut short"));
    fr_file_write(p->file, FR_STR("something else"), NULL);
    assert_int_equal(fr_vectors_open(p->file, NULL, FR_VECTORS_READ, &v, &err), FR_E_FORMAT);
    free(rows);
    free(ids);
}

/* A child adds and says so; it is killed at a moment of chance; what it said is there. */
static void a_kill_at_any_moment_loses_nothing_that_was_acknowledged(void **state)
{
    place *p = *state;
    enum { ROUNDS = 25, AT_ONCE = 40 };
    int64_t next = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        int pipe_fd[2];
        assert_int_equal(pipe(pipe_fd), 0);
        pid_t child = fork();
        if (child == 0) {
            close(pipe_fd[0]);
            fr_vectors *v = NULL;
            if (fr_vectors_open(p->file, &MINI, FR_VECTORS_WRITE, &v, NULL) != 0)
                _exit(1);
            for (int64_t id = next;; id += AT_ONCE) {
                int64_t ids[AT_ONCE];
                float rows[AT_ONCE * DIM];
                for (size_t i = 0; i < AT_ONCE * DIM; i++)
                    rows[i] = normal(9, (uint64_t)id * DIM + i);
                for (int64_t i = 0; i < AT_ONCE; i++)
                    ids[i] = id + i;
                if (fr_vectors_add(v, ids, rows, AT_ONCE, NULL) != 0 ||
                    fr_vectors_commit(v, NULL, NULL) != 0)
                    _exit(2);
                int64_t end = id + AT_ONCE;
                if (write(pipe_fd[1], &end, sizeof(end)) != sizeof(end))
                    _exit(3);
            }
        }
        close(pipe_fd[1]);
        int64_t said;
        for (uint64_t n = fr_random_below(12, 3, FR_RANDOM_TEST, 1, round) + 1; n > 0; n--) {
            if (read(pipe_fd[0], &said, sizeof(said)) == sizeof(said))
                next = said;
        }
        usleep((useconds_t)fr_random_below(1500, 3, FR_RANDOM_TEST, 2, round));
        kill(child, SIGKILL);
        while (read(pipe_fd[0], &said, sizeof(said)) == sizeof(said))
            next = said;
        close(pipe_fd[0]);
        int how;
        waitpid(child, &how, 0);
        assert_true(WIFSIGNALED(how));
        FR_AUTOPTR(fr_vectors) v = NULL;
        fr_err err = { 0 };
        if (fr_vectors_open(p->file, NULL, FR_VECTORS_READ, &v, &err) != 0)
            fail_msg("%s", err.what);
        float row[DIM];
        for (int64_t id = 0; id < next; id += 1 + id % 7) {
            float want[DIM];
            for (size_t d = 0; d < DIM; d++)
                want[d] = normal(9, (uint64_t)(id / AT_ONCE * AT_ONCE) * DIM +
                                        (uint64_t)(id % AT_ONCE) * DIM + d);
            assert_true(fr_vectors_get(v, id, row));
            assert_true(exact_score(row, want, DIM, FR_METRIC_COSINE) > 0.99999);
        }
        assert_true(fr_vectors_n(v) >= (size_t)next);
    }
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, make_place, clear_place)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_search_finds_what_sorting_all_finds_for_every_metric_and_code),
        cmocka_unit_test(lists_and_codes_keep_recall_at_99_percent),
        cmocka_unit_test(a_filter_of_any_selectivity_gives_k_hits_when_k_exist),
        cmocka_unit_test(hits_do_not_depend_on_threads_or_on_company),
        cmocka_unit_test(whole_number_codes_are_refused_where_outliers_leave_them_blind),
        cmocka_unit_test(vectors_without_direction_or_number_are_refused_by_id),
        HERE(what_was_committed_is_found_again_and_the_rest_is_not),
        HERE(a_set_of_another_model_is_refused_and_both_are_named),
        HERE(a_file_has_one_writer_and_readers_see_it_as_they_opened_it),
        HERE(damaged_files_are_told_and_half_records_forgotten),
        HERE(a_kill_at_any_moment_loses_nothing_that_was_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
