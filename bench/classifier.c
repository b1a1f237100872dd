/* bench/classifier.c: accuracy and time of the traditional classifier on labelled CSV files.
 *
 *     classifier TRAIN.csv EVAL.csv [C]      C 0: chosen on a tenth of the training rows
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "classic/classic.h"

typedef struct {
    fr_labelled *at;
    size_t n, cap;
} rows;

static int load(const char *path, rows *r, fr_err *err)
{
    fr_buf file = { 0 };
    FR_TRY(fr_file_read(path, 64 << 20, &file, err));
    FR_AUTO(fr_csv) csv = { 0 };
    fr_csv_init(&csv, fr_buf_str(&file), path);
    const fr_str *fields;
    size_t n, line = 0;
    for (;; line++) {
        FR_TRY(fr_csv_next(&csv, &fields, &n, err));
        if (n == 0)
            return 0;
        if (line == 0 || n < 2)
            continue;
        FR_GROW(r->at, r->n, r->cap);
        r->at[r->n++] =
            (fr_labelled){ fr_str_of(fr_str_dup(fields[0])), fr_str_of(fr_str_dup(fields[1])) };
    }
}

int main(int argc, char **argv)
{
    fr_err err = { 0 };
    rows train = { 0 }, eval = { 0 };
    if (argc < 3 || load(argv[1], &train, &err) != 0 || load(argv[2], &eval, &err) != 0) {
        fprintf(stderr, "%s\n", argc < 3 ? "usage: classifier TRAIN.csv EVAL.csv [C]" : err.what);
        return 2;
    }
    double c = argc > 3 ? atof(argv[3]) : 0.0;
    size_t n_dev = c == 0.0 ? train.n / 10 : 0;
    uint32_t *order = FR_NEW_N(uint32_t, train.n);
    fr_labelled *shuffled = FR_NEW_N(fr_labelled, train.n);
    fr_random_permutation(order, train.n, 1, FR_RANDOM_SPLIT, 0);
    for (size_t i = 0; i < train.n; i++)
        shuffled[i] = train.at[order[i]];
    size_t n = train.n - n_dev;
    fr_classifier *model = NULL;
    fr_classifier_options options = { .l2 = c > 0.0 ? 1.0 / (c * (double)n) : 0.0,
                                      .dev = shuffled + n,
                                      .n_dev = n_dev,
                                      .min_rows = argc > 4 ? (size_t)atoi(argv[4]) : 0,
                                      .seed = 1 };
    double begin_s = (double)fr_now_monotonic_ns() * 1e-9, begin_cpu_s = fr_cpu_self_s();
    if (fr_classifier_train(shuffled, n, &options, &model, &err) != 0) {
        fprintf(stderr, "%s\n", err.what);
        return 1;
    }
    double train_s = (double)fr_now_monotonic_ns() * 1e-9 - begin_s;
    double train_cpu_s = fr_cpu_self_s() - begin_cpu_s;
    double predict_cpu_s = fr_cpu_self_s();
    size_t right = 0;
    for (size_t i = 0; i < eval.n; i++) {
        size_t label = fr_classifier_predict(model, eval.at[i].text, NULL);
        right += fr_str_is(eval.at[i].label, fr_classifier_label(model, label));
    }
    predict_cpu_s = fr_cpu_self_s() - predict_cpu_s;
    printf("{\"rows\": %zu, \"labels\": %zu, \"features\": %zu, \"c\": %g, \"accuracy\": %.4f, "
           "\"train_s\": %.2f, \"train_cpu_s\": %.2f, \"predict_us\": %.1f}\n",
           n, fr_classifier_n_labels(model), fr_classifier_n_features(model),
           1.0 / (fr_classifier_l2(model) * (double)n), (double)right / (double)eval.n, train_s,
           train_cpu_s, predict_cpu_s * 1e6 / (double)eval.n);
    return 0;
}
