/* frugal rag eval --answers: how good answers are, and what a right one takes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/rag_answering.h"
#include "cli/rag_answers.h"
#include "quality/quality.h"
#include "rag/judge.h"

typedef struct {
    size_t n, n_answerable, n_unanswerable, n_answered, n_refused_right;
    double exact, f1;
    size_t n_cited, n_cited_right;
} tally;

static bool holds_an_answer(const fr_hit *h, const fr_question *q)
{
    size_t at;
    for (size_t i = 0; i < q->n_answers; i++) {
        if (fr_str_find(fr_str_of(h->text), q->answers[i], &at))
            return true;
    }
    return false;
}

/* What was said, without the numbers of passages. */
static void put_said(fr_str answer, fr_buf *out)
{
    for (size_t i = 0; i < answer.n; i++) {
        size_t end = i + 1;
        while (answer.at[i] == '[' && end < answer.n && answer.at[end] >= '0' &&
               answer.at[end] <= '9')
            end++;
        if (end > i + 1 && end < answer.n && answer.at[end] == ']')
            i = end;
        else
            fr_buf_put_c(out, answer.at[i]);
    }
}

static void count(const fr_question *q, const fr_answered *a, tally *t)
{
    double exact = 0, f1 = 0;
    t->n++;
    if (q->n_answers == 0) {
        t->n_unanswerable++;
        t->n_refused_right += !a->answered;
        return;
    }
    t->n_answerable++;
    t->n_answered += a->answered;
    FR_AUTO(fr_buf) said = { 0 };
    put_said(fr_str_of(a->text), &said);
    fr_str text = fr_str_trim(fr_buf_str(&said));
    for (size_t i = 0; i < q->n_answers && a->answered; i++) {
        exact = fmax(exact, fr_metric_find("exact-match")->score(text, q->answers[i]));
        f1 = fmax(f1, fr_metric_find("token-f1")->score(text, q->answers[i]));
    }
    t->exact += exact;
    t->f1 += f1;
    for (size_t i = 0; i < a->n_cited; i++) {
        t->n_cited++;
        t->n_cited_right += holds_an_answer(&a->hits.at[a->cited[i] - 1], q);
    }
}

static double share(double part, size_t of)
{
    return of > 0 ? part / (double)of : NAN;
}

static int put(fr_cli *cli, const tally *t, const fr_answering *by, const fr_rag_work *work,
               fr_err *err)
{
    double request_j =
               share(by->search.value_j + (t->n_answered > 0 ? by->generate.value_j : 0), t->n),
           right_j = t->exact > 0 ? request_j * (double)t->n / t->exact : NAN,
           right_cpu_s = t->exact > 0 ? (by->search_cpu_s + by->generate_cpu_s) / t->exact : NAN;
    bool against = fr_arg_given(cli, "tune-build-j") && fr_arg_given(cli, "tuned-request-j");
    double even = against ? fr_rag_break_even(fr_arg_f64(cli, "index-j", 0), request_j,
                                              fr_arg_f64(cli, "tune-build-j", 0),
                                              fr_arg_f64(cli, "tuned-request-j", 0))
                          : NAN;
    if (!fr_cli_json(cli)) {
        char took[128];
        fr_rag_work_text(work, took);
        printf("%zu questions, %zu that can be answered, %zu answered\nexact match         %.4f\n"
               "token F1            %.4f\ncitation precision  %.4f of %zu\n",
               t->n, t->n_answerable, t->n_answered, share(t->exact, t->n_answerable),
               share(t->f1, t->n_answerable), share((double)t->n_cited_right, t->n_cited),
               t->n_cited);
        if (t->n_unanswerable > 0)
            printf("rightly refused     %.4f of %zu\n",
                   share((double)t->n_refused_right, t->n_unanswerable), t->n_unanswerable);
        if (t->exact > 0)
            printf("a right answer      %.3g J (%s), %.3g s of CPU\n", right_j,
                   fr_method_name(by->search.method), right_cpu_s);
        if (against)
            printf("tuning pays from    %.0f questions on\n", even);
        fr_cli_tell(cli, "%s", took);
        return 0;
    }
    json_t *o = json_object();
    json_object_set_new(o, "questions", json_integer((json_int_t)t->n));
    json_object_set_new(o, "answerable", json_integer((json_int_t)t->n_answerable));
    json_object_set_new(o, "answered", json_integer((json_int_t)t->n_answered));
    json_object_set_new(o, "exact_match", fr_json_f64(share(t->exact, t->n_answerable)));
    json_object_set_new(o, "token_f1", fr_json_f64(share(t->f1, t->n_answerable)));
    json_object_set_new(o, "citations", json_integer((json_int_t)t->n_cited));
    json_object_set_new(o, "citation_precision",
                        fr_json_f64(share((double)t->n_cited_right, t->n_cited)));
    json_object_set_new(o, "refused_ratio",
                        fr_json_f64(share((double)t->n_refused_right, t->n_unanswerable)));
    json_object_set_new(o, "search_j_per_query", fr_json_f64(share(by->search.value_j, t->n)));
    json_object_set_new(o, "generate_j_per_query", fr_json_f64(share(by->generate.value_j, t->n)));
    json_object_set_new(o, "search_cpu_s_per_query", fr_json_f64(share(by->search_cpu_s, t->n)));
    json_object_set_new(o, "generate_cpu_s_per_query",
                        fr_json_f64(share(by->generate_cpu_s, t->n)));
    json_object_set_new(o, "energy_j_per_correct_answer", fr_json_f64(right_j));
    json_object_set_new(o, "cpu_s_per_correct_answer", fr_json_f64(right_cpu_s));
    if (against) /* null: never */
        json_object_set_new(o, "break_even_queries", isinf(even) ? json_null() : json_real(even));
    json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)by->prompt_tokens));
    json_object_set_new(o, "completion_tokens", json_integer((json_int_t)by->completion_tokens));
    fr_rag_work_json(work, o);
    return fr_rag_put_json(cli, o, err);
}

int fr_rag_answers(fr_cli *cli, const char *index, fr_err *err)
{
    FR_AUTO(fr_rag_work) work = { 0 };
    FR_AUTO(fr_answering) by = { 0 };
    FR_AUTO(fr_questions) questions = { 0 };
    tally t = { 0 };
    const char *path = NULL;
    FR_TRY(fr_arg_need_text(cli, "queries", &path, err));
    FR_TRY(fr_questions_load(path, &questions, err));
    FR_TRY(fr_rag_work_begin(cli, "rag-eval", index, &work, err));
    FR_TRY(fr_answering_begin(cli, index, work.run, &by, err));
    const fr_progress *progress = fr_cli_progress(cli, work.run);
    for (size_t i = 0; i < questions.n; i++) {
        FR_AUTO(fr_answered) answer = { 0 };
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu questions", i);
        if (!questions.at[i].has_answers)
            continue;
        FR_TRY(fr_answering_ask(&by, questions.at[i].text, &answer, err));
        count(&questions.at[i], &answer, &t);
        fr_progress_step(progress, "answer", (double)i + 1, (double)questions.n, "questions", NULL);
    }
    if (t.n == 0)
        return fr_fail(err, FR_E_USAGE, "A line is {\"question\": …, \"answers\": […]}.",
                       "none of the questions in '%s' has answers", path);
    if (by.engine != NULL)
        fr_engine_listen(by.engine, (fr_work_sink){ 0 });
    fr_run_note(work.run, "quality", "exact_match", share(t.exact, t.n_answerable), NULL, NULL);
    FR_TRY(fr_rag_work_end(&work, "done", err));
    return put(cli, &t, &by, &work, err);
}
