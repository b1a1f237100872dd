/**
 * rag/judge.h: how good a ranking is, by the conventions of trec_eval.
 *
 *     FR_TRY(fr_qrels_load("qrels/test.tsv", &qrels, err));
 *     fr_ranking_put(&run, query, document, score);  …
 *     fr_judge(&qrels, &run, (size_t[]){ 5, 10 }, 2, &scores);
 *
 * Documents of a query are ordered by falling score (as a float), equal ones by falling id. Grades
 * from 1 on are relevant; nDCG takes the grade as the gain and log2(rank + 1) as the discount.
 * Every query that has judgements counts, also one for which nothing was found (trec_eval -c).
 */
#ifndef FR_RAG_JUDGE_H
#define FR_RAG_JUDGE_H

#include <stdbool.h>
#include "base/buf.h"

typedef struct {
    fr_str query, document;
    int grade;
} fr_qrel;
typedef struct {
    fr_qrel *at; /* sorted by query and document */
    size_t n, n_queries;
    char *memory;
} fr_qrels;
/** "query 0 document grade" as TREC has it, or "query document grade" by tabs with a line of names
 * before, as BEIR has it. FR_E_FORMAT names the line; FR_E_USAGE: the same pair twice. */
int fr_qrels_load(const char *path, fr_qrels *out, fr_err *err);
void fr_qrels_fini(fr_qrels *q);
FR_AUTO_DEFINE(fr_qrels);

typedef struct {
    fr_str id, text;
    fr_str *answers; /* right answers, any of them; n_answers 0: unanswerable, if so stated */
    size_t n_answers;
    bool has_answers; /* there was such a list */
} fr_question;
typedef struct {
    fr_question *at; /* as they stand in the file */
    size_t n;
    char *memory;
    fr_str *answers;
} fr_questions;
/** JSON Lines {"_id" or "id", "text" or "question" or "input", "answers" or "answer" or "output"?}
 * (id: else the line), or "id<TAB>text" lines. */
int fr_questions_load(const char *path, fr_questions *out, fr_err *err);
void fr_questions_fini(fr_questions *q);
FR_AUTO_DEFINE(fr_questions);

typedef struct {
    fr_str query, document;
    float score;
} fr_ranking_row;
typedef struct {
    fr_ranking_row *at;
    size_t n, cap;
    char *memory; /* of a loaded one */
} fr_ranking;
/** query and document are borrowed until fini. */
void fr_ranking_put(fr_ranking *r, fr_str query, fr_str document, double score);
/** A run file: "query Q0 document rank score tag". */
int fr_ranking_load(const char *path, fr_ranking *out, fr_err *err);
/** The same out, in trec_eval's order. */
void fr_ranking_print(fr_ranking *r, const char *tag, fr_buf *out);
void fr_ranking_fini(fr_ranking *r);
FR_AUTO_DEFINE(fr_ranking);

#define FR_JUDGE_CUTS 8
typedef struct {
    size_t n_queries, n_found; /* judged; of those, with anything found */
    double ndcg_at_10, mrr_at_10, map, recip_rank;
    double recall[FR_JUDGE_CUTS], precision[FR_JUDGE_CUTS]; /* at the cuts */
} fr_scores;
/** Sorts the ranking. cuts: at most FR_JUDGE_CUTS. */
void fr_judge(const fr_qrels *qrels, fr_ranking *run, const size_t *cuts, size_t n_cuts,
              fr_scores *out);

#endif
