/* The rung without a generative model: a linear classifier for labels; for questions over
 * documents, retrieval and the best span, by general weights or by what the rows taught. */
#include "adapt/rung.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "classic/classic.h"
#include "rag/rag.h"

/* Rough costs of rows, where nothing is probed since the whole rung takes seconds [s per byte]. The
 * ranges say so: a tenth to ten times. */
#define TRAIN_S_PER_BYTE   6e-7 /* and label */
#define PREDICT_S_PER_BYTE 3e-7
#define SEARCH_S           5e-4
#define INDEX_S_PER_BYTE   1e-6
#define LEARN_S            5e-3 /* a row, all epochs */
#define LEARN_PASSAGES     3
#define LEARN_ROWS         2000
#define RECIPE             2 /* goes up when learning changes, so that older results are not taken for it */

typedef struct {
    fr_classifier *classifier;
    fr_index *index;
    fr_extractor *extractor; /* NULL: the general weights */
    size_t n_passages;
    bool learned; /* the rung answers by the extractor */
} traditional;

static traditional *state_of(fr_rung *r)
{
    if (r->state == NULL)
        r->state = FR_NEW(traditional);
    return r->state;
}

static bool is_label(const fr_rung *r)
{
    return r->with.kind == FR_TASK_LABEL;
}

static bool fits(fr_rung *r)
{
    const char *why = NULL;
    if (r->with.kind == FR_TASK_TEXT)
        why = "free text needs a generative model";
    else if (!is_label(r) && r->with.documents == NULL)
        why = "finding an answer needs documents; the task file names none under data";
    else if (r->with.metric->perplexity)
        why = "there is no perplexity without a language model";
    if (why != NULL)
        snprintf(r->reason, sizeof(r->reason), "%s", why);
    return why == NULL;
}

static int predict(fr_rung *r, fr_rung_forecast *out, fr_err *err)
{
    double bytes = 0;
    for (size_t i = 0; i < r->with.train->n; i++)
        bytes += (double)r->with.train->at[i].input.n;
    double mean = bytes / (double)FR_MAX(r->with.train->n, (size_t)1);
    double power_w = r->probe.power_w, build_s = bytes * TRAIN_S_PER_BYTE;
    build_s *= (double)r->with.n_labels;
    double request_s = mean * PREDICT_S_PER_BYTE;
    if (!is_label(r)) {
        fr_documents documents = { 0 };
        double text = 0;
        FR_TRY(fr_documents_load(r->with.documents, &documents, err));
        for (size_t i = 0; i < documents.n; i++)
            text += (double)documents.at[i].text.n;
        fr_documents_fini(&documents);
        build_s = 0.05 + text * INDEX_S_PER_BYTE + 6 * SEARCH_S * (double)r->with.dev->n +
                  LEARN_S * (double)FR_MIN(r->with.train->n, (size_t)LEARN_ROWS);
        request_s = SEARCH_S;
    }
    out->build = fr_forecast_of_time(build_s, power_w, 0.1, 10);
    out->request = fr_forecast_of_time(request_s, power_w, 0.1, 10);
    out->load = fr_forecast_of_time(0.001, power_w, 0.1, 10);
    return 0;
}

/* ---- labels ------------------------------------------------------------------------------- */

static fr_labelled *labelled(const fr_data *data)
{
    fr_labelled *rows = FR_NEW_N(fr_labelled, data->n);
    for (size_t i = 0; i < data->n; i++)
        rows[i] = (fr_labelled){ data->at[i].input, data->at[i].output };
    return rows;
}

static int build_classifier(fr_rung *r, fr_err *err)
{
    fr_labelled *rows = labelled(r->with.train), *dev = labelled(r->with.dev);
    fr_classifier_options options = {
        .dev = dev, .n_dev = r->with.dev->n, .seed = r->seed, .progress = r->progress
    };
    FR_AUTOPTR(fr_classifier) c = NULL;
    int rc = fr_classifier_train(rows, r->with.train->n, &options, &c, err);
    char *path = fr_path_join(r->dir, "classifier.bin");
    if (rc == 0)
        rc = fr_classifier_save(c, path, err);
    free(path);
    free(rows);
    free(dev);
    return rc;
}

/* ---- questions ---------------------------------------------------------------------------- */

static int extract(fr_rung *r, fr_str input, char **answer, fr_err *err)
{
    traditional *t = r->state;
    fr_hits hits = { 0 };
    FR_TRY(fr_index_search(t->index, input, t->n_passages, &hits, err));
    fr_str *passages = FR_NEW_N(fr_str, hits.n);
    for (size_t i = 0; i < hits.n; i++)
        passages[i] = fr_str_of(hits.at[i].text);
    FR_AUTO(fr_buf) out = { 0 };
    fr_extract_answer(t->learned ? t->extractor : NULL, input, passages, hits.n, fr_index_idf,
                      t->index, &out);
    *answer = out.n != 0 ? fr_buf_take(&out) : NULL;
    free(passages);
    fr_hits_fini(&hits);
    return 0;
}

static int open_files(fr_rung *r, fr_err *err)
{
    traditional *t = state_of(r);
    char *path = fr_path_join(r->dir, is_label(r) ? "classifier.bin" : "index.db");
    int rc = is_label(r) ? fr_classifier_load(path, &t->classifier, err)
                         : fr_index_open(path, &t->index, err);
    free(path);
    if (rc != 0 || !t->learned)
        return rc;
    path = fr_path_join(r->dir, "extractor.bin");
    rc = fr_extractor_load(path, &t->extractor, err);
    free(path);
    return rc;
}

static void close_files(fr_rung *r)
{
    traditional *t = r->state;
    if (t == NULL)
        return;
    fr_classifier_free(t->classifier);
    fr_index_free(t->index);
    fr_extractor_free(t->extractor);
    t->extractor = NULL;
    t->classifier = NULL;
    t->index = NULL;
}

static int answer(fr_rung *r, const fr_str *inputs, size_t n, bool together, char **answers,
                  fr_err *err)
{
    (void)together;
    traditional *t = r->state;
    for (size_t i = 0; i < n; i++) {
        if (i % 64 == 0 && fr_progress_stopped(r->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu answers", i, n);
        if (is_label(r))
            answers[i] = fr_dup(fr_classifier_label(
                t->classifier, fr_classifier_predict(t->classifier, inputs[i], NULL)));
        else
            FR_TRY(extract(r, inputs[i], &answers[i], err));
    }
    return 0;
}

/* What the train rows teach, with the passages that a search brings them; extractor.bin. */
static int learn(fr_rung *r, fr_err *err)
{
    traditional *t = state_of(r);
    const fr_data *train = r->with.train;
    const size_t n = FR_MIN(train->n, (size_t)LEARN_ROWS);
    fr_extract_example *examples = FR_NEW_N(fr_extract_example, n + 1);
    fr_hits *hits = FR_NEW_N(fr_hits, n + 1);
    fr_str *passages = FR_NEW_N(fr_str, n * LEARN_PASSAGES + 1);
    FR_AUTOPTR(fr_extractor) learned = NULL;
    t->learned = false;
    int rc = open_files(r, err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        fr_str *of_row = passages + i * LEARN_PASSAGES;
        rc = fr_index_search(t->index, train->at[i].input, LEARN_PASSAGES, &hits[i], err);
        for (size_t k = 0; k < hits[i].n; k++)
            of_row[k] = fr_str_of(hits[i].at[k].text);
        examples[i] =
            (fr_extract_example){ train->at[i].input, train->at[i].output, of_row, hits[i].n };
    }
    if (rc == 0)
        rc = fr_extractor_fit(examples, n, fr_index_idf, t->index, r->seed, r->progress, &learned,
                              err);
    close_files(r);
    char *path = fr_path_join(r->dir, "extractor.bin");
    if (rc == 0)
        rc = fr_extractor_save(learned, path, err);
    free(path);
    for (size_t i = 0; i < n; i++)
        fr_hits_fini(&hits[i]);
    free(hits);
    free(passages);
    free(examples);
    return rc;
}

/* How many passages, and whether what was learned helps: by the dev rows. */
static int choose_how(fr_rung *r, fr_err *err)
{
    static const size_t PASSAGES[] = { 1, 3, 5 };
    const size_t n_ways = 2 * FR_COUNT_OF(PASSAGES);
    traditional *t = state_of(r);
    const fr_data *dev = r->with.dev;
    char **answers = FR_NEW_N(char *, dev->n);
    fr_str *inputs = FR_NEW_N(fr_str, dev->n);
    for (size_t i = 0; i < dev->n; i++)
        inputs[i] = dev->at[i].input;
    json_t *tried = json_array();
    double best = -INFINITY;
    size_t chosen = 0;
    t->learned = true;
    int rc = open_files(r, err);
    for (size_t way = 0; way < n_ways && rc == 0; way++) {
        double mean = 0;
        t->learned = way % 2 != 0;
        t->n_passages = PASSAGES[way / 2];
        rc = answer(r, inputs, dev->n, true, answers, err);
        if (rc == 0)
            rc = fr_score_dev(r, dev, dev->n, answers, &mean, err);
        for (size_t i = 0; i < dev->n; i++) {
            free(answers[i]);
            answers[i] = NULL;
        }
        json_array_append_new(tried,
                              json_pack("{s:I,s:b,s:f}", "passages", (json_int_t)t->n_passages,
                                        "learned", t->learned, "score",
                                        r->with.metric->better == FR_BETTER_LOWER ? -mean : mean));
        if (mean > best) {
            best = mean;
            chosen = way;
        }
    }
    close_files(r);
    t->learned = chosen % 2 != 0;
    t->n_passages = PASSAGES[chosen / 2];
    if (!t->learned) {
        char *path = fr_path_join(r->dir, "extractor.bin");
        unlink(path);
        free(path);
    }
    r->chosen = json_pack("{s:I,s:b,s:I,s:o}", "passages", (json_int_t)t->n_passages, "learned",
                          t->learned, "rows", (json_int_t)dev->n, "tried", tried);
    free(answers);
    free(inputs);
    return rc;
}

static int build(fr_rung *r, fr_err *err)
{
    FR_TRY(fr_dir_make(r->dir, err));
    if (is_label(r))
        return build_classifier(r, err);
    char *path = fr_path_join(r->dir, "index.db");
    fr_documents documents = { 0 };
    int rc = fr_documents_load(r->with.documents, &documents, err);
    if (rc == 0)
        rc = fr_index_build(path, documents.at, documents.n,
                            &(fr_index_options){ .progress = r->progress }, err);
    fr_documents_fini(&documents);
    free(path);
    FR_TRY(rc);
    FR_TRY(learn(r, err));
    return choose_how(r, err);
}

static int save(fr_rung *r, json_t *artifact, fr_err *err)
{
    (void)err;
    traditional *t = state_of(r);
    if (is_label(r)) {
        json_object_set_new(artifact, "classifier", json_string("classifier.bin"));
    } else {
        json_object_set_new(artifact, "index", json_string("index.db"));
        json_object_set_new(artifact, "passages", json_integer((json_int_t)t->n_passages));
        if (t->learned)
            json_object_set_new(artifact, "extractor", json_string("extractor.bin"));
    }
    return 0;
}

static int restore(fr_rung *r, const json_t *artifact, fr_err *err)
{
    json_int_t n = json_integer_value(json_object_get(artifact, "passages"));
    state_of(r)->n_passages = (size_t)n;
    state_of(r)->learned = json_object_get(artifact, "extractor") != NULL;
    if (!is_label(r) && (n < 1 || n > 100))
        return fr_fail(err, FR_E_FORMAT, NULL, "'%s': no number of passages", r->dir);
    return 0;
}

static void key(const fr_rung *r, json_t *settings)
{
    if (is_label(r))
        return;
    json_object_set_new(settings, "recipe", json_integer(RECIPE));
    if (r->with.documents_hash != NULL)
        json_object_set_new(settings, "documents", json_string(r->with.documents_hash));
}

const fr_rung_kind FR_RUNG_TRADITIONAL = {
    .strategy = "traditional",
    .fits = fits,
    .predict = predict,
    .build = build,
    .open = open_files,
    .answer = answer,
    .close = close_files,
    .save = save,
    .restore = restore,
    .key = key,
};
