/* Judgements, runs, and what trec_eval would say of them. */
#include "rag/judge.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define FILE_MOST_BYTES ((size_t)1 << 30)
#define NDCG_CUT        10

static int order_of(fr_str a, fr_str b)
{
    int order = memcmp(a.at, b.at, FR_MIN(a.n, b.n));
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* The fields of a line, parted by blanks; returns how many there are. */
static size_t fields_of(fr_str line, fr_str *fields, size_t most)
{
    size_t n = 0;
    for (size_t i = 0; i < line.n;) {
        while (i < line.n && (line.at[i] == ' ' || line.at[i] == '\t' || line.at[i] == '\r'))
            i++;
        size_t first = i;
        while (i < line.n && line.at[i] != ' ' && line.at[i] != '\t' && line.at[i] != '\r')
            i++;
        if (i == first)
            break;
        if (n < most)
            fields[n] = (fr_str){ line.at + first, i - first };
        n++;
    }
    return n;
}

/* --- judgements ------------------------------------------------------------------------------ */

static int by_pair(const void *left, const void *right)
{
    const fr_qrel *a = left, *b = right;
    int order = order_of(a->query, b->query);
    return order != 0 ? order : order_of(a->document, b->document);
}

static int sort_qrels(fr_qrels *q, const char *path, fr_err *err)
{
    fr_sort(q->at, q->n, sizeof(*q->at), by_pair);
    for (size_t i = 0; i < q->n; i++) {
        bool fresh = i == 0 || !fr_str_equal(q->at[i].query, q->at[i - 1].query);
        q->n_queries += fresh;
        if (!fresh && fr_str_equal(q->at[i].document, q->at[i - 1].document))
            return fr_fail(err, FR_E_USAGE, NULL, "%s judges '%.*s' twice for query '%.*s'", path,
                           FR_STR_F(q->at[i].document), FR_STR_F(q->at[i].query));
    }
    return 0;
}

int fr_qrels_load(const char *path, fr_qrels *out, fr_err *err)
{
    FR_AUTO(fr_buf) bytes = { .limit_bytes = FILE_MOST_BYTES };
    size_t cap = 0, number = 0;
    *out = (fr_qrels){ 0 };
    FR_TRY(fr_file_read(path, FILE_MOST_BYTES, &bytes, err));
    fr_qrels q = { .memory = fr_dup_n(fr_buf_text(&bytes), bytes.n) };
    fr_str rest = { q.memory, bytes.n }, line, f[4];
    int rc = 0;
    while (rc == 0 && fr_str_next(&rest, '\n', &line)) {
        long long grade = 0;
        size_t n = fields_of(line, f, 4);
        number++;
        if (n == 0)
            continue;
        bool whole =
            (n == 3 && fr_str_to_i64(f[2], &grade)) || (n == 4 && fr_str_to_i64(f[3], &grade));
        if (!whole && number == 1)
            continue; /* names of columns */
        if (!whole)
            rc = fr_fail(err, FR_E_FORMAT,
                         "A line is \"query 0 document grade\" or \"query document grade\".",
                         "%s:%zu: no judgement", path, number);
        FR_GROW(q.at, q.n, cap);
        q.at[q.n++] = (fr_qrel){ f[0], f[n == 4 ? 2 : 1], (int)grade };
    }
    if (rc == 0)
        rc = sort_qrels(&q, path, err);
    if (rc == 0 && q.n == 0)
        rc = fr_fail(err, FR_E_FORMAT, NULL, "'%s' holds no judgement", path);
    if (rc != 0)
        fr_qrels_fini(&q);
    *out = q;
    return rc;
}

void fr_qrels_fini(fr_qrels *q)
{
    free(q->at);
    free(q->memory);
    *q = (fr_qrels){ 0 };
}

/* --- questions ------------------------------------------------------------------------------- */

/* Texts move while they are gathered: places until the end. */
typedef struct {
    size_t id, id_n, text, text_n, first_answer, n_answers;
    bool has_answers;
} question_place;
typedef struct {
    size_t at, n;
} text_place;
typedef struct {
    question_place *at;
    size_t n, cap;
    text_place *answers;
    size_t n_answers, cap_answers;
    fr_buf bytes;
} gathering;

static size_t keep(gathering *g, fr_str text)
{
    size_t at = g->bytes.n;
    fr_buf_put_str(&g->bytes, text);
    return at;
}

static fr_str string_of(const json_t *v)
{
    return (fr_str){ json_string_value(v), json_string_length(v) };
}

static const json_t *first_of(const json_t *row, const char *const *names)
{
    const json_t *found = NULL;
    for (; *names != NULL && found == NULL; names++)
        found = json_object_get(row, *names);
    return found;
}

static void keep_answers(gathering *g, question_place *p, const json_t *answers)
{
    p->first_answer = g->n_answers;
    p->has_answers = answers != NULL;
    const json_t *inner = json_object_get(answers, "text"); /* as SQuAD has them */
    answers = inner != NULL ? inner : answers;
    size_t n = json_is_array(answers) ? json_array_size(answers) : json_is_string(answers);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_is_array(answers) ? json_array_get(answers, i) : answers;
        if (json_is_object(one))
            one = json_object_get(one, "text");
        if (!json_is_string(one))
            continue;
        FR_GROW(g->answers, g->n_answers, g->cap_answers);
        size_t at = keep(g, string_of(one));
        g->answers[g->n_answers++] = (text_place){ at, json_string_length(one) };
    }
    p->n_answers = g->n_answers - p->first_answer;
}

static int gather_json(gathering *g, fr_str line, const char *path, size_t number, fr_err *err)
{
    static const char *const IDS[] = { "_id", "id", "query_id", NULL };
    static const char *const TEXTS[] = { "text", "question", "input", "query", NULL };
    static const char *const ANSWERS[] = { "answers", "answer", "output", NULL };
    json_error_t why;
    json_t *row = json_loadb(line.at, line.n, 0, &why);
    const json_t *text = first_of(row, TEXTS), *id = first_of(row, IDS);
    if (row == NULL || !json_is_string(text)) {
        json_decref(row);
        return fr_fail(err, FR_E_FORMAT, "A line is {\"_id\": …, \"text\": …}.", "%s:%zu: %s", path,
                       number, row == NULL ? why.text : "there is no \"text\"");
    }
    char name[32];
    snprintf(name, sizeof(name), "%lld",
             json_is_integer(id) ? (long long)json_integer_value(id) : (long long)number);
    fr_str own = json_is_string(id) ? string_of(id) : fr_str_of(name);
    FR_GROW(g->at, g->n, g->cap);
    question_place *p = &g->at[g->n++];
    *p = (question_place){ .id_n = own.n, .text_n = json_string_length(text) };
    p->id = keep(g, own);
    p->text = keep(g, string_of(text));
    keep_answers(g, p, first_of(row, ANSWERS));
    json_decref(row);
    return 0;
}

static int gather_tabbed(gathering *g, fr_str line, const char *path, size_t number, fr_err *err)
{
    fr_str id, rest = line;
    fr_str_next(&rest, '\t', &id);
    if (rest.n == 0)
        return fr_fail(err, FR_E_FORMAT, "A line is {\"_id\": …, \"text\": …}, or id<TAB>text.",
                       "%s:%zu: no question", path, number);
    rest = fr_str_trim(rest);
    FR_GROW(g->at, g->n, g->cap);
    g->at[g->n++] = (question_place){ keep(g, id), id.n, keep(g, rest), rest.n, 0, 0, false };
    return 0;
}

static void settle(gathering *g, fr_questions *out)
{
    out->memory = fr_buf_take(&g->bytes);
    out->n = g->n;
    out->at = FR_NEW_N(fr_question, g->n);
    out->answers = FR_NEW_N(fr_str, g->n_answers);
    for (size_t i = 0; i < g->n_answers; i++)
        out->answers[i] = (fr_str){ out->memory + g->answers[i].at, g->answers[i].n };
    for (size_t i = 0; i < g->n; i++) {
        const question_place *p = &g->at[i];
        out->at[i] = (fr_question){ .id = { out->memory + p->id, p->id_n },
                                    .text = { out->memory + p->text, p->text_n },
                                    .answers = out->answers + p->first_answer,
                                    .n_answers = p->n_answers,
                                    .has_answers = p->has_answers };
    }
}

int fr_questions_load(const char *path, fr_questions *out, fr_err *err)
{
    FR_AUTO(fr_buf) bytes = { .limit_bytes = FILE_MOST_BYTES };
    *out = (fr_questions){ 0 };
    FR_TRY(fr_file_read(path, FILE_MOST_BYTES, &bytes, err));
    gathering g = { 0 };
    fr_str rest = fr_buf_str(&bytes), line;
    int rc = 0;
    for (size_t number = 1; rc == 0 && fr_str_next(&rest, '\n', &line); number++) {
        line = fr_str_trim(line);
        if (line.n > 0)
            rc = line.at[0] == '{' ? gather_json(&g, line, path, number, err)
                                   : gather_tabbed(&g, line, path, number, err);
    }
    if (rc == 0 && g.n == 0)
        rc = fr_fail(err, FR_E_FORMAT, NULL, "'%s' holds no question", path);
    if (rc == 0)
        settle(&g, out);
    free(g.at);
    free(g.answers);
    fr_buf_fini(&g.bytes);
    return rc;
}

void fr_questions_fini(fr_questions *q)
{
    free(q->at);
    free(q->answers);
    free(q->memory);
    *q = (fr_questions){ 0 };
}

/* --- runs ------------------------------------------------------------------------------------ */

void fr_ranking_put(fr_ranking *r, fr_str query, fr_str document, double score)
{
    FR_GROW(r->at, r->n, r->cap);
    r->at[r->n++] = (fr_ranking_row){ query, document, (float)score };
}

int fr_ranking_load(const char *path, fr_ranking *out, fr_err *err)
{
    FR_AUTO(fr_buf) bytes = { .limit_bytes = FILE_MOST_BYTES };
    *out = (fr_ranking){ 0 };
    FR_TRY(fr_file_read(path, FILE_MOST_BYTES, &bytes, err));
    out->memory = fr_dup_n(fr_buf_text(&bytes), bytes.n);
    fr_str rest = { out->memory, bytes.n }, line, f[6];
    for (size_t number = 1; fr_str_next(&rest, '\n', &line); number++) {
        double score = 0;
        size_t n = fields_of(line, f, 6);
        if (n == 0)
            continue;
        if (n != 6 || !fr_str_to_f64(f[4], &score)) {
            fr_ranking_fini(out);
            return fr_fail(err, FR_E_FORMAT, "A line is \"query Q0 document rank score tag\".",
                           "%s:%zu: no line of a run", path, number);
        }
        fr_ranking_put(out, f[0], f[2], score);
    }
    return 0;
}

void fr_ranking_fini(fr_ranking *r)
{
    free(r->at);
    free(r->memory);
    *r = (fr_ranking){ 0 };
}

static int by_rank(const void *left, const void *right)
{
    const fr_ranking_row *a = left, *b = right;
    int order = order_of(a->query, b->query);
    if (order != 0)
        return order;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return order_of(b->document, a->document);
}

static void sort_ranking(fr_ranking *r)
{
    fr_sort(r->at, r->n, sizeof(*r->at), by_rank);
}

void fr_ranking_print(fr_ranking *r, const char *tag, fr_buf *out)
{
    sort_ranking(r);
    size_t rank = 0;
    for (size_t i = 0; i < r->n; i++) {
        rank = i > 0 && fr_str_equal(r->at[i].query, r->at[i - 1].query) ? rank + 1 : 1;
        fr_buf_put_f(out, "%.*s Q0 %.*s %zu %.9g %s\n", FR_STR_F(r->at[i].query),
                     FR_STR_F(r->at[i].document), rank, (double)r->at[i].score, tag);
    }
}

/* --- judging --------------------------------------------------------------------------------- */

static int grade_of(const fr_qrel *judged, size_t n, fr_str document)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = order_of(judged[middle].document, document);
        if (order == 0)
            return judged[middle].grade;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static int falling(const void *left, const void *right)
{
    return *(const int *)right - *(const int *)left;
}

static double ideal_dcg(const fr_qrel *judged, size_t n)
{
    int *grades = FR_NEW_N(int, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        grades[i] = judged[i].grade;
    fr_sort(grades, n, sizeof(*grades), falling);
    for (size_t i = 0; i < n && i < NDCG_CUT && grades[i] > 0; i++)
        sum += grades[i] / log2((double)i + 2.0);
    free(grades);
    return sum;
}

static void judge_query(const fr_qrel *judged, size_t n_judged, const fr_ranking_row *rows,
                        size_t n_rows, const size_t *cuts, size_t n_cuts, fr_scores *out)
{
    size_t relevant = 0, found = 0;
    double dcg = 0, precision_sum = 0, first = 0;
    size_t at_cut[FR_JUDGE_CUTS] = { 0 };
    for (size_t i = 0; i < n_judged; i++)
        relevant += judged[i].grade > 0;
    for (size_t i = 0; i < n_rows; i++) {
        int grade = grade_of(judged, n_judged, rows[i].document);
        if (grade <= 0)
            continue;
        found++;
        precision_sum += (double)found / (double)(i + 1);
        first = first == 0 ? (double)(i + 1) : first;
        dcg += i < NDCG_CUT ? grade / log2((double)i + 2.0) : 0;
        for (size_t c = 0; c < n_cuts; c++)
            at_cut[c] += i < cuts[c];
    }
    double ideal = ideal_dcg(judged, n_judged);
    out->n_found += n_rows > 0;
    out->ndcg_at_10 += ideal > 0 ? dcg / ideal : 0;
    out->map += relevant > 0 ? precision_sum / (double)relevant : 0;
    out->recip_rank += first > 0 ? 1.0 / first : 0;
    out->mrr_at_10 += first > 0 && first <= 10 ? 1.0 / first : 0;
    for (size_t c = 0; c < n_cuts; c++) {
        out->recall[c] += relevant > 0 ? (double)at_cut[c] / (double)relevant : 0;
        out->precision[c] += (double)at_cut[c] / (double)cuts[c];
    }
}

void fr_judge(const fr_qrels *qrels, fr_ranking *run, const size_t *cuts, size_t n_cuts,
              fr_scores *out)
{
    *out = (fr_scores){ .n_queries = qrels->n_queries };
    n_cuts = FR_MIN(n_cuts, (size_t)FR_JUDGE_CUTS);
    sort_ranking(run);
    size_t row = 0;
    for (size_t i = 0, next; i < qrels->n; i = next) {
        fr_str query = qrels->at[i].query;
        for (next = i; next < qrels->n && fr_str_equal(qrels->at[next].query, query);)
            next++;
        while (row < run->n && order_of(run->at[row].query, query) < 0)
            row++;
        size_t first = row;
        while (row < run->n && fr_str_equal(run->at[row].query, query))
            row++;
        judge_query(qrels->at + i, next - i, run->at + first, row - first, cuts, n_cuts, out);
    }
    double n = qrels->n_queries > 0 ? (double)qrels->n_queries : 1;
    out->ndcg_at_10 /= n;
    out->mrr_at_10 /= n;
    out->map /= n;
    out->recip_rank /= n;
    for (size_t c = 0; c < n_cuts; c++) {
        out->recall[c] /= n;
        out->precision[c] /= n;
    }
}
